/**
 * In front of a real PostgreSQL, what PgBouncer does with its default settings: refuses connections that bring startup
 * parameters it does not know. It counts them, and needs no package; the real one is in test/e2e/pgbouncer.test.ts.
 */
import { connect, createServer, type Socket } from 'node:net';
import { listen } from '../../scripts/lab/ports.ts';

const UNKNOWN = /statement_timeout|idle_in_transaction_session_timeout/;

export async function startStrictPooler(databasePort: number) {
  let refusals = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    sockets.add(client);
    client.on('error', () => undefined);
    client.once('data', (startup) => {
      const parameter = UNKNOWN.exec(startup.toString('latin1'))?.[0];
      if (parameter !== undefined) {
        refusals += 1;
        client.end(errorResponse('08P01', `unsupported startup parameter: ${parameter}`));
        return;
      }
      const database = connect(databasePort, '127.0.0.1');
      database.on('error', () => client.destroy());
      database.write(startup);
      client.pipe(database).pipe(client);
    });
  });
  return {
    port: await listen(server),
    /** Connections that were refused so far. */
    refused: () => refusals,
    stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** https://www.postgresql.org/docs/current/protocol-error-fields.html */
function errorResponse(code: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}
