/** A private PgBouncer in transaction mode, otherwise with its default settings, in front of the tests' PostgreSQL. */
import { chownSync, writeFileSync } from 'node:fs';
import type { TestDatabaseServer } from './database.ts';
import { freePort } from './ports.ts';
import { startProgram, untilSays } from './programs.ts';
import { makeScratchFolder, type ScratchFolder } from './scratch-folder.ts';

/** Connections to PostgreSQL for each database: fewer than clients, so that these have to share. */
export const POOL_SIZE = 2;

/** As root it refuses to run; its files have to belong to whom it runs as. */
const UNPRIVILEGED_ID = 65_534;
const identity = process.getuid?.() === 0 ? { uid: UNPRIVILEGED_ID, gid: UNPRIVILEGED_ID } : {};

type Server = Pick<TestDatabaseServer, 'url' | 'port'>;

export type PgBouncer = Awaited<ReturnType<typeof startPgBouncer>>;

/** @param server need not be there @param settings lines for the end of its file @throws Error with PgBouncer's words */
export async function startPgBouncer(server: Server, settings = '') {
  const port = await freePort();
  const folder = makeScratchFolder('pgbouncer');
  writeFiles(folder, server, port, settings);
  const launch = async () => {
    const program = startProgram('pgbouncer', [folder.at('pgbouncer.ini')], { identity, cwd: '/' });
    await untilSays('PgBouncer', program, /process up/);
    return program;
  };
  let program = await launch();
  return {
    /** The address of a database of the server, through PgBouncer. */
    through(databaseUrl: string) {
      const url = new URL(databaseUrl);
      url.port = String(port);
      return url.href;
    },
    /** Another server from now on, by a reload: its host's files are written anew. */
    lead(serverPort: number) {
      writeFiles(folder, { ...server, port: serverPort }, port, settings);
      program.signal('SIGHUP');
    },
    /** Kills it and starts it again on its port. @param whileDown runs in between */
    async restart(whileDown: () => Promise<void>) {
      await program.stop('SIGKILL');
      await whileDown();
      program = await launch();
    },
    async stop() {
      await program.stop('SIGKILL');
      folder.remove();
    },
  };
}

/** https://www.pgbouncer.org/config.html */
function writeFiles(folder: ScratchFolder, server: Server, port: number, settings: string): void {
  const { username, password } = new URL(server.url);
  const files = {
    'users.txt': `"${username}" "${decodeURIComponent(password)}"\n`,
    'pgbouncer.ini': `[databases]
* = host=127.0.0.1 port=${server.port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${folder.at('users.txt')}
pool_mode = transaction
default_pool_size = ${POOL_SIZE}
${settings}
`,
  };
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(folder.at(name), text, { mode: 0o600 });
    if (identity.uid !== undefined) chownSync(folder.at(name), identity.uid, identity.gid);
  }
}
