/**
 * The connections of clients that are open, and one clock that looks at all of them: a timer for each, or two reads of a
 * clock for a piece of a body, would cost more than the piece.
 */
import type { Socket } from 'node:net';
import { everyTick, running } from '../running-time.ts';
import { ClientConnection, type ClientLimits, type ConnectionKeeper } from './client-connection.ts';

const LOOK_EVERY_MS = 1_000;

export class ClientConnections implements ConnectionKeeper, Iterable<ClientConnection> {
  readonly limits: ClientLimits;
  /** WebSockets included. */
  readonly #open = new Set<ClientConnection>();
  readonly #lookEveryMs: number;
  #nextLook = 0;
  #stopLooking: (() => void) | undefined;

  constructor(limits: ClientLimits) {
    this.limits = limits;
    this.#lookEveryMs = Math.min(LOOK_EVERY_MS, limits.idleMs / 4, limits.bodySilenceMs / 4);
  }

  get size(): number {
    return this.#open.size;
  }

  [Symbol.iterator](): Iterator<ClientConnection> {
    return this.#open.values();
  }

  add(socket: Socket): void {
    this.#open.add(new ClientConnection(socket, this));
    this.#stopLooking ??= everyTick(() => this.#look());
  }

  onClose(connection: ClientConnection): void {
    this.#open.delete(connection);
  }

  #look(): void {
    if (running() < this.#nextLook) return;
    this.#nextLook = running() + this.#lookEveryMs;
    let isWaiting = false;
    for (const connection of this.#open) if (connection.checkLimits()) isWaiting = true;
    if (isWaiting) return;
    this.#stopLooking?.();
    this.#stopLooking = undefined;
  }
}
