/**
 * The file that REVIEWS_BLOCKED_WORDS_FILE names: the one file that the settings are made of, read once. Every message is
 * a sentence fragment behind the name of the setting and holds nothing of the file.
 */
import { readFileSync, statSync } from 'node:fs';

/** A review is compared with all of it. */
const MAX_BYTES = 1024 * 1024;

/**
 * One word or phrase a line; empty lines, and those that begin with #, are none. @throws Error
 */
export function readBlockedWords(path: string): readonly string[] {
  const bytes = read(path);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error('names a file that is not valid UTF-8');
  }
  const lines = text.split(/\r\n|\r|\n/).map((line) => line.trim());
  return lines.filter((line) => line !== '' && !line.startsWith('#'));
}

function read(path: string): Buffer {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw new Error('names a file that does not exist');
  // A pipe would be waited for.
  if (!stats.isFile()) throw new Error('names something that is not a file');
  if (stats.size > MAX_BYTES) throw new Error(`names a file that is larger than ${MAX_BYTES} bytes`);
  try {
    return readFileSync(path);
  } catch {
    throw new Error('names a file that cannot be read');
  }
}
