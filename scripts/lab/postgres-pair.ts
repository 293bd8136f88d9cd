/**
 * A primary and a standby that follows it by streaming replication
 * (https://www.postgresql.org/docs/current/warm-standby.html#STREAMING-REPLICATION). npm's PostgreSQL comes without pg_basebackup: the
 * standby begins as a copy of the stopped primary's folder.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { query } from './database.ts';
import { freePort } from './ports.ts';
import { startEmbeddedPostgres } from './postgres.ts';
import { until } from './programs.ts';
import { makeScratchFolder } from './scratch-folder.ts';

const PASSWORD = 'p#ss@w%rd';
const MEMORY = '/dev/shm';
const STANDBY = 'standby';

export type PostgresPair = Awaited<ReturnType<typeof startPostgresPair>>;

/** @param isSynchronous whether a commit is acknowledged only when the standby has it on its disk as well */
export async function startPostgresPair({ isSynchronous }: { readonly isSynchronous: boolean }) {
  const folder = makeScratchFolder('postgres-pair', existsSync(MEMORY) ? MEMORY : tmpdir());
  await using parts = new AsyncDisposableStack();
  parts.defer(() => folder.remove());
  const [primaryPort, standbyPort] = [await freePort(), await freePort()];
  const login = { user: 'app', password: PASSWORD, database: 'first' };
  const onPrimary = { dataDir: folder.at('primary'), port: primaryPort, ...login };
  await (await startEmbeddedPostgres(onPrimary)).stop();
  // With owners and modes, which PostgreSQL insists on.
  await promisify(execFile)('cp', ['-a', onPrimary.dataDir, folder.at(STANDBY)]);
  await follow(folder.at(STANDBY), primaryPort);
  const waits = isSynchronous ? [`synchronous_standby_names=${STANDBY}`] : [];
  // Until the standby is there a synchronous primary commits nothing; nothing is written yet.
  const primary = await startEmbeddedPostgres({ ...onPrimary, settings: waits });
  parts.defer(() => primary.stop());
  const standby = await startEmbeddedPostgres({
    ...{ dataDir: folder.at(STANDBY), port: standbyPort, ...login },
  });
  parts.defer(() => standby.stop());
  const replies = "SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'";
  await until('the standby to follow', async () => (await query(primary.url, replies)).length === 1);
  const kept = parts.move();
  return {
    primary,
    standby,
    /** Of both, the primary first; without parameters. */
    url: primary.url.replace(/:(\d+)\/first$/, `:${primaryPort},127.0.0.1:${standbyPort}/first`),
    /** Resolves when the standby takes writes. */
    promote: () => query(standby.url, 'SELECT pg_promote()'),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-PRIMARY-CONNINFO */
async function follow(dataDir: string, port: number): Promise<void> {
  const connection = `host=127.0.0.1 port=${port} user=app password=${PASSWORD} application_name=${STANDBY}`;
  await appendFile(`${dataDir}/postgresql.auto.conf`, `primary_conninfo = '${connection}'\n`);
  // What is in it does not count; its owner does.
  await promisify(execFile)('cp', ['-a', `${dataDir}/postgresql.auto.conf`, `${dataDir}/standby.signal`]);
}
