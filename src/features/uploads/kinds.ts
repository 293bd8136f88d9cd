/**
 * Everything that differs between the kinds of uploads: allowed content types, the extension each one gets, the limit.
 * Never image/svg+xml or text/html: served from the shop's own storage they would run script in its name.
 */

export const UPLOAD_KINDS = [
  'reel_video',
  'story_video',
  'story_image',
  'product_image',
  'review_image',
  'review_video',
] as const;
export type UploadKind = (typeof UPLOAD_KINDS)[number];

export interface UploadLimits {
  readonly maxVideoBytes: number;
  readonly maxImageBytes: number;
  /** Of a video in parts. */
  readonly maxMultipartBytes: number;
}

export interface KindRules {
  /** Content type → extension of the stored object. */
  readonly extensions: ReadonlyMap<string, string>;
  readonly maxBytes: number;
  /** In parts; null: not in parts. */
  readonly maxBytesMultipart: number | null;
}

const VIDEO = new Map([
  ['video/mp4', 'mp4'],
  ['video/webm', 'webm'],
  ['video/quicktime', 'mov'],
]);

const IMAGE = new Map([
  ['image/jpeg', 'jpg'],
  ['image/png', 'png'],
  ['image/webp', 'webp'],
  ['image/gif', 'gif'],
  ['image/avif', 'avif'],
  ['image/heic', 'heic'],
  ['image/heif', 'heif'],
]);

/** What clients call the same formats: old browsers' names, and `image/` or `video/` in front of a file's extension. */
const REGISTERED_TYPES = new Map([
  ['image/jpg', 'image/jpeg'],
  ['image/jfif', 'image/jpeg'],
  ['image/pjpeg', 'image/jpeg'],
  ['image/x-png', 'image/png'],
  ['video/m4v', 'video/mp4'],
  ['video/x-m4v', 'video/mp4'],
  ['video/mov', 'video/quicktime'],
]);

/** The registered name of a type, which is the one to store. @param type without parameters, in lower case */
export const registeredType = (type: string) => REGISTERED_TYPES.get(type) ?? type;

/** What files of a kind may turn out to be; which of its types was announced does not matter (old clients say video/mp4 for all). */
export const mayBe = (kind: UploadKind, type: string) => (kind.endsWith('_video') ? VIDEO : IMAGE).has(type);

/** The rules of every kind under the configured limits. */
export function kindRules(limits: UploadLimits): Readonly<Record<UploadKind, KindRules>> {
  const video = {
    extensions: VIDEO,
    maxBytes: limits.maxVideoBytes,
    maxBytesMultipart: limits.maxMultipartBytes,
  };
  const image = { extensions: IMAGE, maxBytes: limits.maxImageBytes, maxBytesMultipart: null };
  return {
    reel_video: video,
    story_video: video,
    story_image: image,
    product_image: image,
    review_image: image,
    review_video: video,
  };
}
