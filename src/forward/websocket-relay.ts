/**
 * Two sockets after the 101: what one sends the other gets, and neither outlives the other. An idle WebSocket stays for
 * hours, so the pair is all that is kept of it: no request, no closure per connection
 * (docs/decisions/0006-websocket-upgrades-by-hpm.md has the figures).
 */
import { Socket } from 'node:net';
import { afterRunning, type Countdown } from '../running-time.ts';
import { readOn, setPush } from './node-internals.ts';
import { writeAndRelease } from './write-and-release.ts';

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
      // Bytes that were given back come first, as `data`.
      if (side.readableLength === 0) setPush(side, pushAcross);
      side.resume();
    }
  }

  #adopt(socket: Socket, other: Socket): RelayedSocket {
    const relayed = Object.assign(socket, { [PAIR]: this, [OTHER]: other });
    // One by one: removeAllListeners() turns the list into a slow object of twice the size (0.8 KB for each socket).
    for (const event of ['data', 'end', 'drain', 'error'])
      for (const listener of relayed.rawListeners(event)) relayed.off(event, listener as () => void);
    return relayed
      .on('data', passOn)
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

function passOn(this: RelayedSocket, chunk: Buffer): void {
  const other = this[OTHER];
  if (!other.writableEnded && !writeAndRelease(other, chunk)) this.pause();
}

/**
 * In the place of Readable.push: what that would do is look for a listener and plan to read on, and that is a twentieth of
 * what a frame costs (npm run bench -- --only websocket).
 */
function pushAcross(this: RelayedSocket, chunk: Buffer | null): boolean {
  if (chunk === null) return Socket.prototype.push.call(this, null);
  const other = this[OTHER];
  return other.writableEnded || writeAndRelease(other, chunk);
}

function resumeOther(this: RelayedSocket): void {
  const other = this[OTHER];
  if (other.push === pushAcross) readOn(other);
  else other.resume();
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
