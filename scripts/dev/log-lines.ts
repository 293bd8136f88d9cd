/**
 * The sidecar's JSON log as lines for people.
 */
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

interface LoggedError {
  readonly message?: string;
  readonly stack?: string;
  readonly cause?: LoggedError;
}

export interface LogLine extends Readonly<Record<string, unknown>> {
  readonly level?: string;
  readonly time?: string;
  readonly msg?: string;
  readonly err?: LoggedError;
}

/** Reads a child's output line by line. @param print gets each as it came, and parsed; null: it is no line of the log */
export function followLog(output: Readable, print: (line: string, entry: LogLine | null) => void): void {
  createInterface({ input: output }).on('line', (line) => print(line, parse(line)));
}

/** `12:00:01 GET /api/products 200 3.1 ms → backend`, or the message with its other fields; errors with their stack. */
export function readable(line: string): string[] {
  const entry = parse(line);
  if (entry === null) return [line];
  const time = entry.time?.slice(11, 19) ?? '';
  return [`${time} ${isAccess(entry) ? access(entry) : message(entry)}`.trim(), ...stackOf(entry.err)];
}

function parse(line: string): LogLine | null {
  if (!line.startsWith('{')) return null;
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

/** Whether it tells of a request. */
export const isAccess = ({ ms, method, path }: LogLine) =>
  ms !== undefined && method !== undefined && path !== undefined;

function access({ method, path, status, ms, kind, aborted }: LogLine): string {
  const by = kind === 'proxy' ? '→ backend' : `(${kind})`;
  return `${method} ${path} ${status} ${ms} ms ${by}${aborted ? ' aborted' : ''}`;
}

function message({ level, time: _time, msg, err, ...rest }: LogLine): string {
  const fields = Object.entries(rest).map(([name, value]) => `${name}=${text(value)}`);
  return [level === 'info' ? '' : level?.toUpperCase(), msg, err && !err.stack ? err.message : '', ...fields]
    .filter(Boolean)
    .join(' ');
}

const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));

/** The stack begins with the message. */
function stackOf(error: LoggedError | undefined): string[] {
  if (error?.stack === undefined) return [];
  return [...error.stack.split('\n').map((line) => `  ${line}`), ...stackOf(error.cause)];
}
