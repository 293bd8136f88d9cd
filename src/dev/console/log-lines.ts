/**
 * The sidecar's JSON log as lines for people.
 */
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

interface LogLine {
  level?: string;
  time?: string;
  msg?: string;
  method?: string;
  path?: string;
  status?: number;
  ms?: number;
  owner?: string;
  err?: { message?: string };
}

/** Reads a child's output line by line; what is no JSON passes as it is. */
export function followLog(output: Readable, print: (line: string) => void): void {
  createInterface({ input: output }).on('line', (line) => print(readable(line)));
}

/** `12:00:01 GET /api/products 200 3.1 ms → backend` */
export function readable(line: string): string {
  if (!line.startsWith('{')) return line;
  let entry: LogLine;
  try {
    entry = JSON.parse(line);
  } catch {
    return line;
  }
  const { level, msg, method, path, status, ms, owner, err, ...rest } = entry;
  const time = rest.time?.slice(11, 19) ?? '';
  if (ms !== undefined) {
    return `${time} ${method} ${path} ${status} ${ms} ms${owner === 'forward' ? ' → backend' : ` (${owner})`}`;
  }
  return [time, level === 'info' ? '' : level, msg, err?.message].filter(Boolean).join(' ');
}
