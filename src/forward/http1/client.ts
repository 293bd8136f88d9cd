/**
 * BackendClient on node:net (docs/decisions/0001-own-http-client.md): a pool of connections to the one backend, idle
 * ones kept last in, first out, so that those left over grow old and go.
 */
import { everyTick, readUpTo, running } from '../../running-time.ts';
import {
  type BackendClient,
  type BackendClientOptions,
  BackendError,
  type BackendRequest,
  type BackendResponseHandler,
  type Exchange,
} from '../backend-client.ts';
import { Connection, type ConnectionOwner } from './connection.ts';

/** Creates the client; nothing connects before the first request. The caller bounds the number of requests. */
export function createHttp1Client(options: BackendClientOptions): BackendClient {
  const all = new Set<Connection>();
  const idle: Connection[] = [];
  let stopSweep: (() => void) | undefined;
  let closing = false;
  let allClosed: (() => void) | undefined;

  const owner: ConnectionOwner = {
    onIdle(connection) {
      if (closing) connection.destroy();
      else idle.push(connection);
    },
    onClose(connection) {
      all.delete(connection);
      const at = idle.lastIndexOf(connection);
      if (at !== -1) idle.splice(at, 1);
      if (all.size > 0) return;
      stopSweep?.();
      stopSweep = undefined;
      allClosed?.();
    },
  };

  const open = (): Connection => {
    // One look at all connections instead of two timers per request.
    stopSweep ??= everyTick(expireLate);
    const connection = new Connection(options, owner);
    all.add(connection);
    return connection;
  };

  function expireLate(): void {
    for (const connection of all)
      if (connection.deadline < running() || connection.idleUntil < readUpTo()) connection.expire();
  }

  const begin = (exchange: Http1Exchange, request: BackendRequest): void => {
    if (exchange.aborted) return;
    if (closing) exchange.handler.onError(closed());
    else
      exchange.begin(
        (request.freshConnection ? undefined : takeIdle(idle, request.method)) ?? open(),
        request,
      );
  };

  return {
    send(request, handler) {
      const exchange = new Http1Exchange(handler);
      if (request.body === null) begin(exchange, request);
      // When all has been read that this turn brings of the body: it leaves with the head, in one write.
      else setImmediate(begin, exchange, request);
      return exchange;
    },
    connections: () => ({ open: all.size, idle: idle.length }),
    async close() {
      closing = true;
      for (const connection of all) connection.fail(closed());
      if (all.size > 0) await new Promise<void>((resolve) => (allClosed = resolve));
    },
  };
}

/**
 * Dead ones leave the list when they close; between the end of the stream and that event they are passed over. So is one
 * that has been idle for too long while we stalled, by a real clock: the backend may have closed it, and only a GET or HEAD is
 * sure to be sent again.
 */
function takeIdle(idle: Connection[], method: string): Connection | undefined {
  const now = method === 'GET' || method === 'HEAD' ? 0 : performance.now();
  for (let connection = idle.pop(); connection !== undefined; connection = idle.pop()) {
    if (connection.usable && connection.idleUntil > now) return connection;
    connection.destroy();
  }
  return undefined;
}

const closed = () => new BackendError('reset', 'the client is closing');

class Http1Exchange implements Exchange {
  readonly handler: BackendResponseHandler;
  aborted = false;
  #connection: Connection | undefined;

  constructor(handler: BackendResponseHandler) {
    this.handler = handler;
  }

  begin(connection: Connection, request: BackendRequest): void {
    this.#connection = connection;
    connection.send(request, this.handler);
  }

  resume(): void {
    this.#connection?.resume(this.handler);
  }

  abort(): void {
    this.aborted = true;
    this.#connection?.abort(this.handler);
  }
}
