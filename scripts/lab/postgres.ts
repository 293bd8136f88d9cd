/**
 * A real PostgreSQL from npm's binaries, for development and tests: no system package, no container.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { endChild } from './end-child.ts';
import { type PostgresProgram, preparePostgresProgram } from './postgres-program.ts';
import { processIn, untilEnded } from './process-command.ts';

export interface EmbeddedPostgresOptions {
  /** Folder of the cluster; created on the first start, kept afterwards. */
  readonly dataDir: string;
  /** 0: a free one. */
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly tls?: { readonly certPath: string; readonly keyPath: string };
  /** For data that is thrown away: does not wait for the disk, so a crash of the machine may lose it. */
  readonly throwaway?: boolean;
}

export interface EmbeddedPostgres {
  /** postgresql:// URL of the database. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Resolves when the server has stopped; open connections are cut. */
  stop(): Promise<void>;
}

const READY = 'ready to accept connections';
const START_TIMEOUT_MS = 60_000;
const run = promisify(execFile);

/**
 * Starts the server and makes the database when it is missing.
 * @throws Error with a sentence: another server uses the folder or the port, the folder cannot be reached, no binaries
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const dataDir = resolve(options.dataDir);
  refuseRunningServer(dataDir);
  const program = await preparePostgresProgram();
  if (!existsSync(join(dataDir, 'PG_VERSION'))) await initialise(program, dataDir, options);
  const port = options.port === 0 ? await freePort() : options.port;
  const server = await startServer(program, dataDir, port, options);
  const stop = stopper(server);
  try {
    const url = (database: string) =>
      `postgresql://${encodeURIComponent(options.user)}:${encodeURIComponent(options.password)}@127.0.0.1:${port}/${database}`;
    await ensureDatabase(url('postgres'), options.database);
    return { url: url(options.database), port, pid: server.pid ?? 0, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * Stops a server that an earlier process left running on the folder (killed before it could). @returns whether there
 * was one @throws Error with a sentence when it does not stop
 */
export async function stopOrphanedPostgres(dataDir: string): Promise<boolean> {
  const pid = runningServerPid(resolve(dataDir));
  if (pid === null) return false;
  process.kill(pid, 'SIGINT');
  await untilEnded(pid, onFolder(resolve(dataDir)));
  return true;
}

function refuseRunningServer(dataDir: string): void {
  const pid = runningServerPid(dataDir);
  if (pid !== null) throw new Error(`PostgreSQL already runs on ${dataDir} (process ${pid}). Stop it first.`);
}

/** postmaster.pid may be stale after a crash, and its number taken since, even by a PostgreSQL of somebody else's. */
const runningServerPid = (dataDir: string) => processIn(join(dataDir, 'postmaster.pid'), onFolder(dataDir));

/** As startServer() writes it. */
const onFolder = (dataDir: string) => `-D ${dataDir} -p `;

/** Makes the cluster beside its place and moves it there, so that an interrupted start leaves nothing half made. */
async function initialise(
  program: PostgresProgram,
  dataDir: string,
  { user, password }: EmbeddedPostgresOptions,
): Promise<void> {
  await mkdir(dirname(dataDir), { recursive: true });
  const unfinished = await mkdtemp(`${dataDir}.new-`);
  const scratch = await mkdtemp(join(tmpdir(), 'pg-password-'));
  const passwordFile = join(scratch, 'password');
  try {
    await writeFile(passwordFile, password, { mode: 0o600 });
    for (const path of [unfinished, scratch, passwordFile]) await giveTo(program, path);
    await chmod(unfinished, 0o700);
    const settings = ['-A', 'scram-sha-256', '-E', 'UTF8', '--locale=C', '--no-sync'];
    await run(program.initdb, ['-D', unfinished, '-U', user, '--pwfile', passwordFile, ...settings], {
      ...program.identity,
      cwd: '/',
    });
    await rm(dataDir, { recursive: true, force: true });
    await rename(unfinished, dataDir);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    const reason = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error);
    throw new Error(`PostgreSQL could not prepare ${dataDir}: ${reason}`, { cause: error });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function giveTo({ identity }: PostgresProgram, path: string): Promise<void> {
  if (identity.uid !== undefined) await chown(path, identity.uid, identity.gid ?? identity.uid);
}

async function startServer(
  program: PostgresProgram,
  dataDir: string,
  port: number,
  { tls, throwaway }: EmbeddedPostgresOptions,
): Promise<ChildProcess> {
  const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories='];
  if (throwaway) settings.push('fsync=off', 'full_page_writes=off', 'synchronous_commit=off');
  if (tls) settings.push('ssl=on', `ssl_cert_file=${tls.certPath}`, `ssl_key_file=${tls.keyPath}`);
  const server = spawn(
    program.postgres,
    ['-D', dataDir, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])],
    // Its own process group: Ctrl-C in a terminal reaches us alone, and we stop it in order.
    { ...program.identity, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'], detached: true },
  );
  let output = '';
  let tail = '';
  await new Promise<void>((started, failed) => {
    const giveUp = setTimeout(() => server.kill('SIGKILL'), START_TIMEOUT_MS);
    server.once('error', failed);
    server.once('exit', () => {
      clearTimeout(giveUp);
      failed(new Error(startFailure(output, dataDir, port)));
    });
    server.stderr?.on('data', (chunk: Buffer) => {
      if (output.length < 20_000) output += chunk;
      // Not in `output`: a server that recovers under load writes more than that before it is ready.
      const recent = `${tail}${chunk}`;
      tail = recent.slice(-READY.length);
      if (!recent.includes(READY)) return;
      clearTimeout(giveUp);
      started();
    });
  });
  return server;
}

function startFailure(output: string, dataDir: string, port: number): string {
  if (output.includes('Address already in use')) {
    return `PostgreSQL cannot use port ${port}: another program listens there already.`;
  }
  if (output.includes('Permission denied')) {
    return `PostgreSQL cannot reach ${dataDir}: as root it runs as user "nobody", which must be able to enter every folder above.`;
  }
  return `PostgreSQL did not start on ${dataDir}:\n${output.trim()}`;
}

/** SIGINT is PostgreSQL's fast shutdown: sessions are ended, data is written. */
function stopper(server: ChildProcess): () => Promise<void> {
  const stopWithProcess = () => server.kill('SIGINT');
  process.once('exit', stopWithProcess);
  server.once('exit', () => process.off('exit', stopWithProcess));
  return async () => void (await endChild(server, 'SIGINT'));
}

async function ensureDatabase(adminUrl: string, database: string): Promise<void> {
  if (database === 'postgres') return;
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(database)}`);
  } finally {
    await client.end();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  const address = server.address();
  await new Promise((closed) => server.close(closed));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
