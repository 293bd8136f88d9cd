/** What Nginx writes about itself from a moment on: why a reload that was accepted has not happened. */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import type { NginxFacts } from '../lib/nginx-command.ts';

const MAX_BYTES = 4 * 1024 * 1024;
const MAX_LINES = 12;
const BAD = /\[(emerg|alert|crit|error)\]/;

/** @returns asked later, the bad lines since, each once, without the request they are about: its address may hold a token */
export function watchLogs({ logFiles }: Pick<NginxFacts, 'logFiles'>): () => string[] {
  const marks = logFiles.map((path) => [path, sizeOf(path)] as const);
  return () => {
    const lines = marks.flatMap(([path, size]) => textSince(path, size).split('\n'));
    const bad = lines.filter((line) => BAD.test(line)).map((line) => line.replace(/, client: .*/, ''));
    const urgent = bad.filter((line) => !line.includes('[error]'));
    // What went wrong with requests says less than what went wrong with Nginx, and may be very much.
    return [...new Set(urgent.length > 0 ? urgent : bad)].slice(-MAX_LINES);
  };
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}

/** From the start when it was replaced meanwhile; the last of it when it is very long. */
function textSince(path: string, mark: number): string {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const { size } = fstatSync(file);
    const from = Math.max(size < mark ? 0 : mark, size - MAX_BYTES);
    const bytes = Buffer.alloc(size - from);
    return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, from)).toString();
  } catch {
    return '';
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
