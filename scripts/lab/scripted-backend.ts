/**
 * A backend that does exactly what a test says, byte for byte: a bare TCP server and a script per connection.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { listen } from './ports.ts';
import { RawConnection } from './raw-connection.ts';

/** On a machine that runs many tests at once, ms. */
const PATIENCE_MS = 60_000;

export type ScriptedBackend = Awaited<ReturnType<typeof startScriptedBackend>>;

/** @param script runs for every connection; its failures end the connection and are ignored */
export async function startScriptedBackend(
  script: (connection: RawConnection, index: number) => Promise<void> | void,
  port = 0,
) {
  const connections: RawConnection[] = [];
  const server = createServer({ allowHalfOpen: true, noDelay: true }, async (socket) => {
    const connection = new RawConnection(socket);
    const index = connections.push(connection) - 1;
    server.emit('scripted');
    try {
      await script(connection, index);
    } catch {
      connection.destroy();
    }
  });
  const actualPort = await listen(server, port);
  return {
    port: actualPort,
    url: `http://127.0.0.1:${actualPort}`,
    /** Every connection so far, in order. */
    connections,
    /** Resolves with connection number `index` (from 0) once it is there. */
    async connection(index: number): Promise<RawConnection> {
      while (connections[index] === undefined)
        await once(server, 'scripted', { signal: AbortSignal.timeout(PATIENCE_MS) });
      return connections[index];
    },
    async stop() {
      for (const connection of connections) connection.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A script that answers every request on a connection with the same bytes. */
export const answering = (response: string) => async (connection: RawConnection) => {
  for (;;) {
    await connection.message();
    connection.send(response);
  }
};

/** A plain 200 with a text body. */
export const ok = (body: string, headers = '') =>
  `HTTP/1.1 200 OK\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`;
