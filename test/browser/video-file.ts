/** Videos to upload: a small MP4, and as many bytes behind it as are wanted. */
import { openAsBlob, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const START = readFileSync(join(import.meta.dirname, '../features/uploads/files/a.mp4'));
const MIB = 2 ** 20;
export const PART_BYTES = 8 * MIB;
/** Of three parts, the last one short. */
export const THREE_PARTS = 2 * PART_BYTES + MIB;

/** @param bytes of the file; every MiB of it is different */
export function writeVideo(path: string, bytes: number): Buffer {
  const content = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at += MIB) content.fill(1 + at / MIB, at, Math.min(bytes, at + MIB));
  START.copy(content);
  writeFileSync(path, content);
  return content;
}

/** As a page gets it from its user. */
export const fileAt = async (path: string, type = 'video/mp4') =>
  new File([await openAsBlob(path)], basename(path), { type, lastModified: 1 });
