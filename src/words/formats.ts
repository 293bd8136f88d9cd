/** Formats of files as people call them. */

const NAMES: Readonly<Record<string, string>> = { quicktime: 'MOV', webm: 'WebM', webp: 'WebP' };

/** @param types e.g. `image/jpeg` */
export const formatNames = (types: readonly string[]): string =>
  types
    .map((type) => type.slice(type.indexOf('/') + 1))
    .map((subtype) => NAMES[subtype] ?? subtype.toUpperCase())
    .join(', ');
