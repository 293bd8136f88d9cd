/**
 * A PostgreSQL that can be killed, frozen and started again on the same port and data.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startEmbeddedPostgres } from '../lab/postgres.ts';
import { isAlive, until } from './child.ts';
import { restartablePort } from './ports.ts';
import { makeScratchFolder } from './scratch-folder.ts';

export interface RestartablePostgres extends AsyncDisposable {
  readonly url: string;
  /** SIGKILL for the server and all its processes, as when the machine loses power. */
  kill(): Promise<void>;
  /** Resolves when it accepts connections again. */
  start(): Promise<void>;
  /** SIGSTOP for all of them: connections stay open, and nothing answers. */
  freeze(): Promise<void>;
  /** SIGCONT. */
  thaw(): Promise<void>;
}

/**
 * Memory outlives a killed process as well as a disk does, and after a kill PostgreSQL waits for every file of its to
 * be written through, which takes seconds on a disk.
 */
const MEMORY = '/dev/shm';

export async function startRestartablePostgres(): Promise<RestartablePostgres> {
  const folder = makeScratchFolder(existsSync(MEMORY) ? MEMORY : tmpdir());
  // As root PostgreSQL runs as another user, who must be able to enter.
  await chmod(folder.path, 0o755);
  const options = {
    dataDir: join(folder.path, 'data'),
    port: await restartablePort(),
    user: 'app',
    password: 'app',
    database: 'drill',
    // What was acknowledged must be there after the kill: fsync stays on.
    throwaway: false,
  };
  let server = await startEmbeddedPostgres(options);
  // Not in order, as the embedded server would: its data goes, too.
  const killWithProcess = () => isAlive(server.pid) && process.kill(server.pid, 'SIGKILL');
  process.prependOnceListener('exit', killWithProcess);
  const signalAll = async (signal: NodeJS.Signals) => {
    const pids = [server.pid, ...(await childrenOf(server.pid))];
    for (const pid of pids) if (isAlive(pid)) process.kill(pid, signal);
    return pids;
  };
  return {
    url: server.url,
    async kill() {
      const pids = await signalAll('SIGKILL');
      await until('PostgreSQL to be gone', () => !pids.some(isAlive));
    },
    async start() {
      server = await startEmbeddedPostgres(options);
    },
    freeze: async () => void (await signalAll('SIGSTOP')),
    thaw: async () => void (await signalAll('SIGCONT')),
    async [Symbol.asyncDispose]() {
      await signalAll('SIGCONT');
      await server.stop();
      process.off('exit', killWithProcess);
      folder.remove();
    },
  };
}

async function childrenOf(parent: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=']);
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, ppid]) => ppid === parent)
    .map(([pid = 0]) => pid);
}
