/**
 * A file to upload in the third command: the smallest PNG, one transparent pixel.
 */
import { writeFileSync } from 'node:fs';

export interface SampleFile {
  /** Absolute. */
  readonly path: string;
  readonly bytes: number;
}

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);

export function writeSampleFile(path: string): SampleFile {
  writeFileSync(path, PNG);
  return { path, bytes: PNG.length };
}
