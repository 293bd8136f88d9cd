/**
 * JSON lines on stdout (systemd and Heroku-like platforms collect them). No header, no query and no body is ever
 * logged: tokens travel in all three.
 */
import { type Logger, pino } from 'pino';
import type { LogLevel } from '../config.ts';

export type Log = Pick<Logger, 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace'> & {
  /**
   * Writes a line at `info` whose fields are JSON already, as `"name":value,…`. For the one line per request: putting an
   * object together for pino to take apart again cost a tenth of a forwarded request (npm run bench -- --profile).
   */
  infoFields(fields: string): void;
  isLevelEnabled(level: string): boolean;
  flush(): void;
};

/** Lines may wait this long in memory, ms: one write for each would be most of what a log line costs. */
const FLUSH_AFTER_MS = 20;

/** @param destination file descriptor; 1 is stdout */
export function createLogger(level: LogLevel, destination = 1): Log {
  const stream = pino.destination({ dest: destination, sync: false, minLength: 8 * 1024 });
  const write = flushedSoon(stream);
  const logger = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${isoNow()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: serializeError },
    },
    { write },
  );
  const writesInfo = logger.isLevelEnabled('info');
  return Object.assign(logger, {
    infoFields: (fields: string) => {
      if (writesInfo) write(`{"level":"info","time":"${isoNow()}",${fields}}\n`);
    },
    flush: () => {
      try {
        stream.flushSync();
      } catch {
        // stdout is gone or full; there is nowhere left to say so.
      }
    },
  });
}

/**
 * A write that is followed by a flush, in time and once for many lines. Not an interval: flushing nothing is a system call
 * as well, and an idle process should be idle.
 */
function flushedSoon(stream: ReturnType<typeof pino.destination>): (line: string) => void {
  let timer: NodeJS.Timeout | undefined;
  let hasLines = false;
  const flush = () => {
    timer = undefined;
    stream.flush();
  };
  const flushLater = () => {
    if (timer === undefined) timer = setTimeout(flush, FLUSH_AFTER_MS).unref();
  };
  // A flush during a write does nothing, so lines that came meanwhile need another one.
  stream.on('drain', () => {
    if (hasLines) flushLater();
    hasLines = false;
  });
  return (line) => {
    hasLines = true;
    flushLater();
    stream.write(line);
  };
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
    ...('code' in error ? { code: String(error.code) } : {}),
    message: error.message,
    stack: error.stack,
    ...(error.cause !== undefined && depth < 3 ? { cause: serializeError(error.cause, depth + 1) } : {}),
  };
}
