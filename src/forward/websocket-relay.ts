/**
 * Two sockets after the 101: what one sends the other gets, and neither outlives the other. An idle WebSocket stays for
 * hours, so the pair is all that is kept of it: no request, no closure per connection
 * (docs/decisions/0006-websocket-upgrades-by-hpm.md has the figures).
 */
import type { Socket } from 'node:net';
import { afterRunning, type Countdown } from '../running-time.ts';
import { readInto, readOn } from './node-internals.ts';
import { writeAndRelease } from './write-and-release.ts';

/** All sockets read into it, as much at once as Node does: one read is over before the next. Never leaves this file. */
const memory = Buffer.allocUnsafeSlow(64 * 1024);
/** Up to here Node hands a string to the system call from its stack, and keeps only what that does not take. */
const ONE_STRING_BYTES = 16 * 1024;

/** How long one side may take to close after the other has, ms. */
const HALF_CLOSED_MS = 10_000;

export interface Relay {
  /** Sends FIN both ways and drops what still comes; whoever does not answer it is cut after HALF_CLOSED_MS. */
  end(): void;
}

/**
 * Relays until both are closed, then calls `onClosed` once, never before this returns. Takes both sockets over: neither may
 * have ended, bytes that were already read must have been given back (`unshift`), and listeners of others for `data`,
 * `end`, `drain` and `error` are dropped.
 */
export function relay(client: Socket, backend: Socket, onClosed: () => void): Relay {
  return new SocketPair(client, backend, onClosed);
}

const PAIR = Symbol('pair');
const OTHER = Symbol('other');
type RelayedSocket = Socket & { [PAIR]: SocketPair; [OTHER]: Socket };

class SocketPair implements Relay {
  readonly client: RelayedSocket;
  readonly backend: RelayedSocket;
  readonly #onClosed: () => void;
  #halfClosed: Countdown | undefined;
  #closed = 0;

  constructor(client: Socket, backend: Socket, onClosed: () => void) {
    this.#onClosed = onClosed;
    this.client = this.#adopt(client, backend);
    this.backend = this.#adopt(backend, client);
    for (const side of [this.client, this.backend]) {
      const early: Buffer | null = side.read();
      if (early !== null) side[OTHER].write(early);
      readInto(side, memory, passOn);
      side.resume();
    }
  }

  #adopt(socket: Socket, other: Socket): RelayedSocket {
    const relayed = Object.assign(socket, { [PAIR]: this, [OTHER]: other });
    // One by one: removeAllListeners() turns the list into a slow object of twice the size (0.8 KB for each socket).
    for (const event of ['data', 'end', 'drain', 'error'])
      for (const listener of relayed.rawListeners(event)) relayed.off(event, listener as () => void);
    return relayed
      .on('drain', resumeOther)
      .on('end', endOther)
      .on('error', destroyBoth)
      .on('close', closeOther) as RelayedSocket;
  }

  end(): void {
    this.client.end();
    this.backend.end();
    this.limitHalfClosed();
  }

  limitHalfClosed(): void {
    this.#halfClosed ??= afterRunning(HALF_CLOSED_MS, () => this.destroy());
  }

  destroy(): void {
    this.client.destroy();
    this.backend.destroy();
  }

  onSideClosed(): void {
    this.#closed += 1;
    if (this.#closed < 2) return;
    this.#halfClosed?.cancel();
    this.#onClosed();
  }
}

// One function for all sockets, found through `this`: a closure each would be most of what an idle pair costs.

/**
 * What was read is copied, since the next read overwrites it: for a small frame that costs less than the new memory for each
 * read which Node would take, and V8 collect (0.93, docs/performance.md).
 */
function passOn(this: RelayedSocket, count: number): boolean {
  const other = this[OTHER];
  if (other.writableEnded) return true;
  if (count <= ONE_STRING_BYTES) return other.write(memory.toString('latin1', 0, count), 'latin1');
  const copy = Buffer.allocUnsafeSlow(count);
  memory.copy(copy, 0, 0, count);
  return writeAndRelease(other, copy);
}

function resumeOther(this: RelayedSocket): void {
  readOn(this[OTHER]);
}

function endOther(this: RelayedSocket): void {
  this[OTHER].end();
  this[PAIR].limitHalfClosed();
}

/** After the 101 nothing but the other side's bytes may be written: an error ends both. */
function destroyBoth(this: RelayedSocket): void {
  this[PAIR].destroy();
}

function closeOther(this: RelayedSocket, hadError: boolean): void {
  const other = this[OTHER];
  if (hadError) other.destroy();
  else other.destroySoon();
  this[PAIR].onSideClosed();
}
