/** A private PgBouncer in transaction mode, otherwise with its default settings, in front of the tests' PostgreSQL. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestDatabaseServer } from './database.ts';
import { endChild } from './end-child.ts';
import { freePorts } from './ports.ts';
import { PATH_WITH_SBIN } from './tools.ts';

/** Connections to PostgreSQL for each database: fewer than clients, so that these have to share. */
export const POOL_SIZE = 2;

export interface PgBouncer {
  /** The address of a database of the server, through PgBouncer. */
  through(databaseUrl: string): string;
  /** Kills it and starts it again on its port. @param whileDown runs in between */
  restart(whileDown: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

const PGBOUNCER = 'pgbouncer';
const PATIENCE_MS = 15_000;
const START_TRIES = 3;
/** As root it refuses to run; its files have to belong to whom it runs as. */
const UNPRIVILEGED_ID = 65_534;
const identity = process.getuid?.() === 0 ? { uid: UNPRIVILEGED_ID, gid: UNPRIVILEGED_ID } : {};

type Server = Pick<TestDatabaseServer, 'url' | 'port'>;

/** @param server need not be there @param settings lines for the end of its file @throws Error with PgBouncer's words */
export async function startPgBouncer(server: Server, settings = ''): Promise<PgBouncer> {
  for (let tries = 1; ; tries += 1) {
    const [port = 0] = await freePorts(1);
    const folder = await writeFiles(server, port, settings);
    try {
      return runningPgBouncer(await launch(folder), folder, port);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      // Somebody else may have taken the port meanwhile.
      if (tries === START_TRIES || !/Address already in use/.test(String(error))) throw error;
    }
  }
}

function runningPgBouncer(first: ChildProcess, folder: string, port: number): PgBouncer {
  let child = first;
  return {
    through(databaseUrl) {
      const url = new URL(databaseUrl);
      url.port = String(port);
      return url.href;
    },
    async restart(whileDown) {
      await endChild(child, 'SIGKILL');
      await whileDown();
      child = await launch(folder);
    },
    async stop() {
      await endChild(child, 'SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** https://www.pgbouncer.org/config.html */
async function writeFiles(server: Server, port: number, settings: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sidecar-test-pgbouncer-'));
  const { username, password } = new URL(server.url);
  const at = (name: string) => join(folder, name);
  await writeFile(at('users.txt'), `"${username}" "${decodeURIComponent(password)}"\n`);
  await writeFile(
    at('pgbouncer.ini'),
    `[databases]
* = host=127.0.0.1 port=${server.port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${at('users.txt')}
pool_mode = transaction
default_pool_size = ${POOL_SIZE}
${settings}
`,
  );
  if (identity.uid !== undefined) {
    for (const path of [folder, at('users.txt'), at('pgbouncer.ini')])
      await chown(path, identity.uid, identity.gid);
  }
  return folder;
}

/** Resolves when it accepts connections. */
async function launch(folder: string): Promise<ChildProcess> {
  const child = spawn(PGBOUNCER, [join(folder, 'pgbouncer.ini')], {
    ...identity,
    cwd: '/',
    env: { PATH: PATH_WITH_SBIN },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let output = '';
  await new Promise<void>((started, failed) => {
    const giveUp = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    child.stderr.on('data', (chunk: Buffer) => {
      if (output.length < 20_000) output += chunk;
      if (!output.includes('process up')) return;
      clearTimeout(giveUp);
      started();
    });
    child.once('error', failed);
    child.once('exit', () => {
      clearTimeout(giveUp);
      failed(new Error(`PgBouncer did not start:\n${output}`));
    });
  });
  return child;
}
