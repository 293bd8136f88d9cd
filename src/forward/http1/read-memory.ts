/**
 * Where a connection to the backend reads to. By itself Node takes 64 KB of new memory for each read, however few bytes
 * come, and V8 has to collect it: four per cent of a small GET. Here all connections read into the same memory, since one
 * read is over, and looked at, before the next begins; what has to last longer is copied out of it. Only a large body has
 * memory of its own, which goes with what was read (docs/decisions/0012-body-memory-is-freed-when-written.md).
 */
import type { OnReadOpts } from 'node:net';

/** What Node reads at once. */
const READ_BYTES = 64 * 1024;

const newMemory = (): Buffer => Buffer.allocUnsafeSlow(READ_BYTES);
/** Never leaves this file but for the time of one call. */
const shared = newMemory();

export class ReadMemory {
  #reading = shared;
  /** For net.connect. */
  readonly onread: OnReadOpts;

  /** @param onBytes gets what a read brought; it is overwritten when the function has returned */
  constructor(onBytes: (bytes: Buffer) => void) {
    this.onread = {
      // Asked for behind each read, and when the connection is made.
      buffer: () => this.#reading,
      callback: (count, memory) => {
        onBytes((memory as Buffer).subarray(0, count));
        return true;
      },
    };
  }

  /** @param piece of what is being read @returns the same bytes in memory that nobody else writes to */
  keep(piece: Buffer): Buffer {
    if (piece.length < READ_BYTES) return Buffer.from(piece);
    this.#reading = newMemory();
    return piece.buffer === shared.buffer ? Buffer.from(piece) : piece;
  }

  /** A response is over: the next one may be small. */
  share(): void {
    this.#reading = shared;
  }
}
