/**
 * Lines to a file descriptor, many in one write, without ever holding up the process: not for a full disk, not for a reader
 * that has gone or stands still. Own code, since pino's writer (sonic-boom 4) tries for ever in `flushSync`, with the event
 * loop stopped, when the descriptor cannot be written to, and calls it when the process exits.
 */
import { write } from 'node:fs';

/** Lines may wait this long in memory, ms: one write for each would be most of what a log line costs. */
const WRITE_AFTER_MS = 20;
/** Sooner when there is as much as this, chars: each write wakes a thread of libuv's. */
const WRITE_AT_CHARS = 64 * 1024;
/** A reader that is this far behind loses lines, chars: memory is for requests. */
const MAX_WAITING_CHARS = 1024 * 1024;
/** What cannot be written now (a full disk, a full pipe of somebody's that does not block) is tried again after this, ms. */
const AGAIN_AFTER_MS = 50;
const LINE_FEED = 0x0a;

export class LineWriter {
  readonly #fd: number;
  #waiting = '';
  #isWriting = false;
  #timer: NodeJS.Timeout | undefined;
  /** Lines that could not be written, and are not yet told of. */
  #lost = 0;
  /** The last thing written is the beginning of a line. */
  #isWithinLine = false;
  /** Told once, when nothing is under way any more. */
  #onIdle: (() => void) | undefined;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** @param line with its line feed */
  readonly write = (line: string): void => {
    if (this.#waiting.length > MAX_WAITING_CHARS) {
      this.#lost += 1;
      return;
    }
    this.#waiting += line;
    if (this.#isWriting) return;
    if (this.#waiting.length >= WRITE_AT_CHARS) this.#begin();
    else this.#beginAfter(WRITE_AFTER_MS);
  };

  /**
   * Writes what waits.
   * @returns false: a write is under way that does not come to an end within `limitMs`
   */
  async flush(limitMs: number): Promise<boolean> {
    if (!this.#isWriting && this.#waiting === '') return true;
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), limitMs);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve(true);
      };
      if (!this.#isWriting) this.#begin();
    });
  }

  #beginAfter(delayMs: number): void {
    // Only when there is something, not every so often: an idle process should be idle.
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#begin(), delayMs).unref();
  }

  #begin(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const lost = this.#lost;
    const told = lost === 0 ? '' : `{"level":"warn","lines":${lost},"msg":"lines of this log are lost"}\n`;
    const bytes = Buffer.from(`${this.#isWithinLine ? '\n' : ''}${told}${this.#waiting}`);
    this.#waiting = '';
    this.#lost = 0;
    this.#isWriting = true;
    this.#go(bytes, lost);
  }

  #go(bytes: Buffer, lostBefore: number): void {
    write(this.#fd, bytes, 0, bytes.length, null, (error, written) => {
      if (error?.code === 'EAGAIN') {
        setTimeout(() => this.#go(bytes, lostBefore), AGAIN_AFTER_MS);
        return;
      }
      if (error === null && written < bytes.length) {
        this.#isWithinLine = bytes[written - 1] !== LINE_FEED;
        this.#go(bytes.subarray(written), lostBefore);
        return;
      }
      this.#isWriting = false;
      if (error === null) this.#isWithinLine = false;
      // The line that tells of lost ones is not one of them.
      else this.#lost += lostBefore + linesIn(bytes) - (lostBefore > 0 ? 1 : 0);
      this.#afterWrite(error !== null);
    });
  }

  #afterWrite(hasFailed: boolean): void {
    if (this.#waiting === '' || (hasFailed && this.#onIdle !== undefined)) this.#onIdle?.();
    else if (this.#onIdle !== undefined || this.#waiting.length >= WRITE_AT_CHARS) this.#begin();
    else this.#beginAfter(hasFailed ? AGAIN_AFTER_MS : WRITE_AFTER_MS);
  }
}

function linesIn(bytes: Buffer): number {
  let lines = 0;
  for (let at = bytes.indexOf(LINE_FEED); at !== -1; at = bytes.indexOf(LINE_FEED, at + 1)) lines += 1;
  return lines;
}
