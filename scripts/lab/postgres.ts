/**
 * A real PostgreSQL from npm's binaries, for development and tests: no system package, no container.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './ports.ts';
import { type PostgresProgram, preparePostgresProgram } from './postgres-program.ts';
import { isAlive, processIn, signalProcess, untilEnded, withChildren } from './proc.ts';
import { type Program, startProgram, until, untilSays } from './programs.ts';

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
  /** Folder with the programs of an installed PostgreSQL, to run that one. */
  readonly installed?: string;
  /** Of postgresql.conf, `name=value`. */
  readonly settings?: readonly string[];
  /**
   * Puts into the database of a new cluster what it begins with. Clusters to copy are told apart by its source: it must not depend on
   * what it closes over.
   */
  readonly fill?: Fill;
}

/** Told the URL of a database; what it opens may be cut afterwards. */
export type Fill = (url: string) => Promise<unknown>;

export interface EmbeddedPostgres {
  /** postgresql:// URL of the database. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** To the server and every process of its. @returns their numbers */
  signalAll(signal: NodeJS.Signals): number[];
  /** SIGKILL for all of them, as when the machine loses power; resolves when they are gone. */
  kill(): Promise<void>;
  /** Resolves when the server has stopped; open connections are cut. */
  stop(): Promise<void>;
}

const run = promisify(execFile);

/**
 * Starts the server and makes the database when it is missing.
 * @throws Error with a sentence: another server uses the folder or the port, the folder cannot be reached, no binaries
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const dataDir = resolve(options.dataDir);
  refuseRunningServer(dataDir);
  const program = await preparePostgresProgram(options.installed ?? process.env[POSTGRES_TO_RUN]);
  if (!existsSync(join(dataDir, 'PG_VERSION'))) await makeCluster(program, dataDir, options);
  const port = options.port === 0 ? await freePort() : options.port;
  const server = await startServer(program, dataDir, port, options);
  const stop = async () => void (await server.stop(options.throwaway ? IMMEDIATE_SHUTDOWN : FAST_SHUTDOWN));
  try {
    const url = (database: string) =>
      `postgresql://${encodeURIComponent(options.user)}:${encodeURIComponent(options.password)}@127.0.0.1:${port}/${database}`;
    await ensureDatabase(url('postgres'), options.database);
    const signalAll = (signal: NodeJS.Signals) => {
      const pids = withChildren(server.pid);
      for (const pid of pids) signalProcess(pid, signal);
      return pids;
    };
    const kill = async () => {
      const pids = signalAll('SIGKILL');
      await until('PostgreSQL to be gone', () => !pids.some(isAlive));
    };
    return { url: url(options.database), port, pid: server.pid, signalAll, kill, stop };
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
  process.kill(pid, FAST_SHUTDOWN);
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

/** Environment variable: folder with the programs of an installed PostgreSQL, to run that one wherever none is named. */
export const POSTGRES_TO_RUN = 'LAB_POSTGRES';

/** Environment variable: folder of clusters to copy, while it lasts. */
export const CLUSTERS_TO_COPY = 'LAB_CLUSTERS_TO_COPY';

/** Of the CPU that all tests took, initdb had a sixth: where a folder for it is named, one cluster is made and the others are copies. */
async function makeCluster(program: PostgresProgram, dataDir: string, options: EmbeddedPostgresOptions) {
  const folder = process.env[CLUSTERS_TO_COPY];
  if (folder === undefined || !options.throwaway) return makeFilled(program, dataDir, options);
  const name = JSON.stringify([program.initdb, options.user, options.password, String(options.fill)]);
  const original = join(folder, createHash('sha256').update(name).digest('hex'));
  if (!existsSync(original)) {
    const own = `${original}.${process.pid}`;
    await makeFilled(program, own, options);
    // Another process may have been faster: its cluster is as good, and may be in use.
    await rename(own, original).catch(() => rm(own, { recursive: true, force: true }));
  }
  await mkdir(dirname(dataDir), { recursive: true });
  // With its owner, which node:fs does not copy.
  await run('cp', ['-a', original, dataDir]);
}

async function makeFilled(program: PostgresProgram, dataDir: string, options: EmbeddedPostgresOptions) {
  await initialise(program, dataDir, options);
  const { fill, throwaway, ...others } = options;
  if (fill === undefined) return;
  // Stopped in order: otherwise each copy would have to recover first.
  const server = await startEmbeddedPostgres({
    ...{ ...others, dataDir, port: 0, settings: throwaway ? WITHOUT_DISK : [] },
  });
  try {
    await fill(server.url);
  } finally {
    await server.stop();
  }
}

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
  { postgres, identity }: PostgresProgram,
  dataDir: string,
  port: number,
  { tls, throwaway, settings: own = [] }: EmbeddedPostgresOptions,
): Promise<Program> {
  const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', ...own];
  if (throwaway) settings.push(...WITHOUT_DISK);
  if (tls) settings.push('ssl=on', `ssl_cert_file=${tls.certPath}`, `ssl_key_file=${tls.keyPath}`);
  const args = ['-D', dataDir, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])];
  const server = startProgram(postgres, args, { identity, cwd: '/', lastSignal: FAST_SHUTDOWN });
  try {
    await untilSays('PostgreSQL', server, /ready to accept (read.only )?connections/);
    return server;
  } catch (error) {
    throw new Error(startFailure(server.output(), dataDir, port), { cause: error });
  }
}

const WITHOUT_DISK = ['fsync=off', 'full_page_writes=off', 'synchronous_commit=off'];

/** Sessions are ended, data is written (https://www.postgresql.org/docs/current/server-shutdown.html). */
const FAST_SHUTDOWN = 'SIGINT';
/** Nothing is written, and nobody waited for. */
const IMMEDIATE_SHUTDOWN = 'SIGQUIT';

function startFailure(output: string, dataDir: string, port: number): string {
  if (output.includes('Address already in use')) {
    return `PostgreSQL cannot use port ${port}: another program listens there already.`;
  }
  if (output.includes('Permission denied')) {
    return `PostgreSQL cannot reach ${dataDir}: as root it runs as user "nobody", which must be able to enter every folder above.`;
  }
  return `PostgreSQL did not start on ${dataDir}:\n${output.trim()}`;
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
