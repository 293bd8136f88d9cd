/**
 * All that is remembered of a client's connection, in one object that its socket carries: to look it up in a map would cost
 * more than what a small request needs of it.
 */
import type { ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { lingerFor } from '../forward/linger.ts';
import {
  isWithinRequest,
  onLastAnswer,
  requestUnderWay,
  responseUnderWay,
  withoutTimer,
} from '../forward/node-internals.ts';
import { deadlineIn, running } from '../running-time.ts';

/** What a connection takes from those who look after all of them. */
export interface ConnectionKeeper {
  readonly limits: ClientLimits;
  onClose(connection: ClientConnection): void;
}

/** How long a client may keep us waiting, ms of running time. */
export interface ClientLimits {
  /** For a request, the first one as well as the next. */
  readonly idleMs: number;
  /** Longest silence within a body, which may take as long as it moves (nginx: client_body_timeout). */
  readonly bodySilenceMs: number;
  /** Called once when that is over; must end the connection. */
  readonly onBodyStalled: (res: ServerResponse) => void;
}

const CONNECTION = Symbol('client connection');
type ClientSocket = Socket & { [CONNECTION]?: ClientConnection };

/** @throws Error for a socket that is no client's */
export function clientConnectionOf(socket: ClientSocket): ClientConnection {
  const connection = socket[CONNECTION];
  if (connection === undefined) throw new Error('The socket is no client connection.');
  return connection;
}

const NEVER = Number.POSITIVE_INFINITY;

export class ClientConnection {
  readonly socket: Socket;
  /** It has left HTTP: a WebSocket, or what wants to be one. */
  isUpgraded = false;
  /** What came is no HTTP. The answers that are owed are still given; then it ends. */
  isBroken = false;
  readonly #keeper: ConnectionKeeper;
  #hadLastRequest = false;
  /** Readings of the running time at which we have waited for too long: for a request, and for a body. */
  #idleUntil: number;
  #bodyUntil = NEVER;
  /** There was a request since the limits were looked at. */
  #hasAsked = false;
  /** To the request whose body is awaited; one at a time (decision 0010). */
  #response: ServerResponse | undefined;
  #bytesRead = 0;
  #quietSince = 0;
  #quietAtBytes = -1;

  constructor(socket: ClientSocket, keeper: ConnectionKeeper) {
    this.socket = socket;
    this.#keeper = keeper;
    socket[CONNECTION] = this;
    socket.on('close', closeConnection);
    onLastAnswer(socket, endBehindBody);
    // node:http would take it off with each request and make a new one behind the answer; #checkIdle is in its place.
    withoutTimer(socket);
    this.#idleUntil = deadlineIn(keeper.limits.idleMs);
  }

  onClose(): void {
    this.#keeper.onClose(this);
  }

  onRequest(): void {
    this.#hasAsked = true;
  }

  /**
   * False behind the last request (RFC 9112 §9.6): an answer would never be sent, so what comes must not have an effect
   * either.
   */
  get takesRequests(): boolean {
    return !this.#hadLastRequest && this.socket.writable;
  }

  /** Ends with this answer: where the message before it ends is in doubt, and so is where the next one begins. */
  endWith(res: ServerResponse): void {
    res.shouldKeepAlive = false;
    this.#hadLastRequest = true;
  }

  /**
   * A body that stands still holds a connection, a place in MAX_IN_FLIGHT and a connection to the backend, so it is given
   * up. Our own pauses and stalls do not count.
   * @param res of a request that announces a body
   */
  waitForBody(res: ServerResponse): void {
    this.#response = res;
    this.#bytesRead = this.socket.bytesRead;
    this.#bodyUntil = deadlineIn(this.#keeper.limits.bodySilenceMs);
    res.on('close', forgetBody);
  }

  /**
   * Not when the clock looks: that keeps requests until they are old for V8, and collecting them then was a sixth of what a
   * POST cost (npm run bench -- --only POST).
   */
  onAnswered(res: ServerResponse): void {
    if (this.#response === res && res.req.complete) this.#stopWaiting();
  }

  #stopWaiting(): void {
    this.#bodyUntil = NEVER;
    this.#response = undefined;
  }

  /** @returns whether there may be something to look at later */
  checkLimits(): boolean {
    if (this.isUpgraded || this.socket.destroyed) return false;
    if (this.#response !== undefined) this.#checkBody(this.#response);
    this.#checkIdle();
    return true;
  }

  #checkBody(res: ServerResponse): void {
    const { socket } = this;
    if (res.req.complete) this.#stopWaiting();
    else if (res.req.isPaused() || socket.bytesRead !== this.#bytesRead) {
      this.#bytesRead = socket.bytesRead;
      this.#bodyUntil = deadlineIn(this.#keeper.limits.bodySilenceMs);
    } else if (this.#bodyUntil < running()) {
      this.#stopWaiting();
      this.#keeper.limits.onBodyStalled(res);
    }
  }

  /**
   * Browsers and balancers open connections in advance, and keep them; whatever we said there would be read as the answer
   * to the next request, so they are closed without a word. A head that has begun has node:http's deadline.
   */
  #checkIdle(): void {
    if (this.#hasAsked || responseUnderWay(this.socket) !== undefined) {
      this.#hasAsked = false;
      this.#idleUntil = deadlineIn(this.#keeper.limits.idleMs);
    } else if (this.#idleUntil < running() && !isWithinRequest(this.socket)) this.socket.destroy();
  }

  /**
   * Whether it has had neither an answer under way nor a byte from the client for `quietMs`, as far as those who ask again
   * and again can know.
   */
  isQuietFor(quietMs: number): boolean {
    const now = performance.now();
    const { bytesRead } = this.socket;
    if (bytesRead === this.#quietAtBytes && responseUnderWay(this.socket) === undefined)
      return now - this.#quietSince >= quietMs;
    this.#quietAtBytes = bytesRead;
    this.#quietSince = now;
    return false;
  }
}

// One function for all sockets and responses, found through `this`.

function closeConnection(this: Socket): void {
  clientConnectionOf(this).onClose();
}

function forgetBody(this: ServerResponse): void {
  clientConnectionOf(this.req.socket).onAnswered(this);
}

/**
 * Ends a connection behind its last answer, and goes on reading what the client still sends: closed with unread bytes it
 * would be reset, and the reset can destroy the answer on its way (RFC 9112 §9.6).
 */
function endBehindBody(this: Socket): void {
  const request = requestUnderWay(this);
  if (request === undefined) {
    Socket.prototype.destroySoon.call(this);
    return;
  }
  this.end();
  lingerFor(request);
  request.once('close', () => this.destroy());
}
