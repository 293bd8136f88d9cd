/**
 * JSON lines on stdout (systemd and Heroku-like platforms collect them). No header, no query and no body is ever
 * logged: tokens travel in all three. Own code, since of pino little was used but its putting a line together, and to load it
 * took a twelfth of the start and 6 MB.
 */
import type { LogLevel } from '../config/settings.ts';
import { LineWriter } from './line-writer.ts';

/** From the least to the most urgent. */
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const satisfies readonly LogLevel[];
type Level = (typeof LEVELS)[number];

/** What JSON has, and `err`: an error, or whatever was thrown. */
type Fields = Readonly<Record<string, unknown>>;

interface WriteLine {
  (message: string): void;
  (fields: Fields, message: string): void;
}

export type Log = Readonly<Record<Level, WriteLine>> & {
  /**
   * Writes a line at `info` whose fields are JSON already, as `"name":value,…`. For the one line per request: putting an
   * object together to take it apart again cost a tenth of a forwarded request (npm run bench -- --profile).
   */
  infoFields(fields: string): void;
  isLevelEnabled(level: Level): boolean;
  /** Writes what waits. @returns false when that does not come to an end within `limitMs` */
  flush(limitMs: number): Promise<boolean>;
};

/** @param destination file descriptor; 1 is stdout */
export function createLogger(level: LogLevel, destination = 1): Log {
  const writer = new LineWriter(destination);
  const enabled = level === 'silent' ? [] : LEVELS.slice(LEVELS.indexOf(level));
  const isLevelEnabled = (name: Level) => enabled.includes(name);
  const write = (name: Level, fields: string) =>
    writer.write(`{"level":"${name}","time":"${isoNow()}",${fields}}\n`);
  const writeLine = (name: Level): WriteLine =>
    isLevelEnabled(name)
      ? (first: string | Fields, message?: string) => write(name, fieldsOf(first, message))
      : () => undefined;
  return {
    trace: writeLine('trace'),
    debug: writeLine('debug'),
    info: writeLine('info'),
    warn: writeLine('warn'),
    error: writeLine('error'),
    fatal: writeLine('fatal'),
    infoFields: isLevelEnabled('info') ? (fields) => write('info', fields) : () => undefined,
    isLevelEnabled,
    flush: (limitMs) => writer.flush(limitMs),
  };
}

/** @returns `"name":value,…`, the message last */
function fieldsOf(first: string | Fields, message?: string): string {
  const { err, ...fields }: Fields = typeof first === 'string' ? { msg: first } : { ...first, msg: message };
  return JSON.stringify(err === undefined ? fields : { err: serializeError(err), ...fields }).slice(1, -1);
}

let isoAtMs = 0;
let iso = '';

/** Formatting a time costs more than reading it, and many lines fall into one millisecond. */
function isoNow(): string {
  const now = Date.now();
  if (now !== isoAtMs) {
    isoAtMs = now;
    iso = new Date(now).toISOString();
  }
  return iso;
}

/**
 * Name, code, message, stack and causes. Other properties of an error (a request, a connection's settings) may hold
 * secrets and are left out.
 */
function serializeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return typeof error === 'string' ? error : typeof error;
  return {
    type: error.name,
    ...('code' in error ? { code: String(error.code) } : {}),
    message: error.message,
    stack: error.stack,
    ...(error.cause !== undefined && depth < 3 ? { cause: serializeError(error.cause, depth + 1) } : {}),
  };
}
