/**
 * Starts, kills and restarts the drills' backend: our own small server, or uvicorn in front of the same application.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isListening } from '../lab/is-listening.ts';
import { followChild, until } from './child.ts';
import type { BackendKind } from './drill.ts';
import { type Arrivals, readJournal } from './journal.ts';
import { restartablePort } from './ports.ts';
import { makeScratchFolder } from './scratch-folder.ts';

export interface BackendOptions {
  readonly kind: BackendKind;
  /** An idle connection is closed after this, ms; uvicorn takes whole seconds. */
  readonly idleCloseMs?: number;
  /** Only our own server can do it (backend.ts). */
  readonly closeOnNext?: boolean;
}

export interface DrillBackend extends AsyncDisposable {
  readonly url: string;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** Resolves when it listens again, on the same port. */
  restart(): Promise<void>;
  /** Over all its lives. */
  arrivals(): Arrivals;
}

/** Debian's packages belong to this python3; another one may come first on PATH. */
const PYTHON = '/usr/bin/python3';

export const isUvicornInstalled = (): boolean =>
  spawnSync(PYTHON, ['-c', 'import uvicorn, websockets'], { stdio: 'ignore' }).status === 0;

export async function startBackend(options: BackendOptions): Promise<DrillBackend> {
  const folder = makeScratchFolder(tmpdir());
  const journal = join(folder.path, 'journal');
  writeFileSync(journal, '');
  const port = await restartablePort();
  let child: ChildProcess;
  let exited: Promise<unknown>;
  const start = async () => {
    child = spawnBackend(options, port, journal);
    exited = followChild(child);
    await until('the backend to listen', () => {
      if (child.exitCode !== null) throw new Error(`The backend ended with status ${child.exitCode}.`);
      return isListening(port);
    });
  };
  const kill = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  await start();
  return {
    url: `http://127.0.0.1:${port}`,
    kill,
    restart: start,
    arrivals: () => readJournal(journal),
    async [Symbol.asyncDispose]() {
      await kill();
      folder.remove();
    },
  };
}

function spawnBackend(options: BackendOptions, port: number, journal: string): ChildProcess {
  const { kind, idleCloseMs = 0, closeOnNext = false } = options;
  if (kind === 'uvicorn') {
    const keepAlive =
      idleCloseMs === 0 ? [] : ['--timeout-keep-alive', String(Math.ceil(idleCloseMs / 1000))];
    const args = ['-m', 'uvicorn', 'asgi_backend:app', '--app-dir', import.meta.dirname];
    return spawn(PYTHON, [...args, '--port', String(port), '--log-level', 'critical', ...keepAlive], {
      env: { ...process.env, DRILL_JOURNAL: journal, PYTHONDONTWRITEBYTECODE: '1' },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }
  const args = ['--port', String(port), '--journal', journal, '--idle-close-ms', String(idleCloseMs)];
  if (closeOnNext) args.push('--close-on-next');
  return spawn(process.execPath, [fileURLToPath(import.meta.resolve('./backend.ts')), ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
