/**
 * BackendClient on node:net (docs/decisions/0001-own-http-client.md): a pool of connections to the one backend, idle
 * ones kept last in, first out, so that those left over grow old and go.
 */
import {
  type BackendClient,
  type BackendClientOptions,
  BackendError,
  type BackendResponseHandler,
  type Exchange,
} from '../backend-client.ts';
import { Connection, type ConnectionOwner } from './connection.ts';

/** How often deadlines are looked at, ms: one timer for all connections instead of two per request. */
const SWEEP_EVERY_MS = 100;

/** Creates the client; nothing connects before the first request. The caller bounds the number of requests. */
export function createHttp1Client(options: BackendClientOptions): BackendClient {
  const all = new Set<Connection>();
  const idle: Connection[] = [];
  let now = performance.now();
  let sweep: NodeJS.Timeout | undefined;
  let closing = false;
  let allClosed: (() => void) | undefined;

  const owner: ConnectionOwner = {
    now: () => now,
    onIdle(connection) {
      if (closing) connection.destroy();
      else idle.push(connection);
    },
    onClose(connection) {
      all.delete(connection);
      const at = idle.lastIndexOf(connection);
      if (at !== -1) idle.splice(at, 1);
      if (all.size > 0) return;
      clearInterval(sweep);
      sweep = undefined;
      allClosed?.();
    },
  };

  const open = (): Connection => {
    if (sweep === undefined) {
      now = performance.now();
      sweep = setInterval(expireLate, SWEEP_EVERY_MS).unref();
    }
    const connection = new Connection(options, owner);
    all.add(connection);
    return connection;
  };

  function expireLate(): void {
    now = performance.now();
    for (const connection of all) if (connection.deadline < now) connection.expire();
  }

  return {
    send(request, handler) {
      const connection = (request.freshConnection ? undefined : takeIdle(idle)) ?? open();
      connection.send(request, handler);
      return new Http1Exchange(connection, handler);
    },
    connections: () => ({ open: all.size, idle: idle.length }),
    async close() {
      closing = true;
      for (const connection of all) connection.fail(new BackendError('reset', 'the client is closing'));
      if (all.size > 0) await new Promise<void>((resolve) => (allClosed = resolve));
    },
  };
}

/** Dead ones leave the list when they close; between the end of the stream and that event they are passed over. */
function takeIdle(idle: Connection[]): Connection | undefined {
  for (let connection = idle.pop(); connection !== undefined; connection = idle.pop()) {
    if (connection.usable) return connection;
  }
  return undefined;
}

class Http1Exchange implements Exchange {
  readonly #connection: Connection;
  readonly #handler: BackendResponseHandler;

  constructor(connection: Connection, handler: BackendResponseHandler) {
    this.#connection = connection;
    this.#handler = handler;
  }

  resume(): void {
    this.#connection.resume(this.#handler);
  }

  abort(): void {
    this.#connection.abort(this.#handler);
  }
}
