/**
 * JSON lines on stdout (systemd and Heroku-like platforms collect them). No header, no query and no body is ever
 * logged: tokens travel in all three.
 */
import { type Logger, pino } from 'pino';
import type { LogLevel } from '../config/settings.ts';
import { LineWriter } from './line-writer.ts';

export type Log = Pick<Logger, 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace'> & {
  /**
   * Writes a line at `info` whose fields are JSON already, as `"name":value,…`. For the one line per request: putting an
   * object together for pino to take apart again cost a tenth of a forwarded request (npm run bench -- --profile).
   */
  infoFields(fields: string): void;
  isLevelEnabled(level: string): boolean;
  /** Writes what waits. @returns false when that does not come to an end within `limitMs` */
  flush(limitMs: number): Promise<boolean>;
};

/** @param destination file descriptor; 1 is stdout */
export function createLogger(level: LogLevel, destination = 1): Log {
  const writer = new LineWriter(destination);
  const logger = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${isoNow()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: serializeError },
    },
    writer,
  );
  const writesInfo = logger.isLevelEnabled('info');
  return Object.assign(logger, {
    infoFields: (fields: string) => {
      if (writesInfo) writer.write(`{"level":"info","time":"${isoNow()}",${fields}}\n`);
    },
    flush: (limitMs: number) => writer.flush(limitMs),
  });
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
export function serializeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return typeof error === 'string' ? error : typeof error;
  return {
    type: error.name,
    ...('code' in error && error.code !== undefined ? { code: String(error.code) } : {}),
    message: error.message,
    stack: error.stack,
    ...(error.cause !== undefined && depth < 3 ? { cause: serializeError(error.cause, depth + 1) } : {}),
  };
}
