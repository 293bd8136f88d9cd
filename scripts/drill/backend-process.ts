/**
 * Starts, kills and restarts the drills' backend: our own small server, or uvicorn in front of the same application.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { freePort } from '../lab/ports.ts';
import { type Program, startProgram, untilListening } from '../lab/programs.ts';
import { makeScratchFolder } from '../lab/scratch-folder.ts';
import { outputOf, PYTHON } from '../lab/tools.ts';
import type { BackendKind } from './drill.ts';
import { countJournals } from './journal.ts';

export interface BackendOptions {
  readonly kind: BackendKind;
  /** An idle connection is closed after this, ms; uvicorn takes whole seconds. */
  readonly idleCloseMs?: number;
  /** Only our own server can do it (backend.ts). */
  readonly closeOnNext?: boolean;
}

export const isUvicornInstalled = (): boolean =>
  outputOf(PYTHON, '-c', 'import uvicorn, websockets') !== undefined;

export type DrillBackend = Awaited<ReturnType<typeof startBackend>>;

export async function startBackend(options: BackendOptions) {
  const folder = makeScratchFolder('drill');
  const journal = folder.at('journal');
  writeFileSync(journal, '');
  const port = await freePort();
  let program: Program;
  const start = async () => {
    const [command, args] = commandFor(options, port, journal);
    const env = { DRILL_JOURNAL: journal, PYTHONDONTWRITEBYTECODE: '1' };
    program = startProgram(command, args, { env });
    await untilListening('The backend', program, port);
  };
  await start();
  const kill = () => program.stop('SIGKILL');
  return {
    url: `http://127.0.0.1:${port}`,
    journal,
    /** SIGKILL; resolves when it is gone. */
    kill,
    /** Resolves when it listens again, on the same port. */
    restart: start,
    /** Over all its lives. */
    arrivals: () => countJournals([journal]),
    async [Symbol.asyncDispose]() {
      await kill();
      folder.remove();
    },
  };
}

function commandFor(options: BackendOptions, port: number, journal: string): [string, string[]] {
  const { kind, idleCloseMs = 0, closeOnNext = false } = options;
  if (kind === 'uvicorn') {
    const keepAlive =
      idleCloseMs === 0 ? [] : ['--timeout-keep-alive', String(Math.ceil(idleCloseMs / 1000))];
    const app = ['-m', 'uvicorn', 'asgi_backend:app', '--app-dir', import.meta.dirname];
    return [PYTHON, [...app, '--port', String(port), '--log-level', 'critical', ...keepAlive]];
  }
  const program = fileURLToPath(import.meta.resolve('./backend.ts'));
  const args = ['--port', String(port), '--journal', journal, '--idle-close-ms', String(idleCloseMs)];
  return [process.execPath, [program, ...args, ...(closeOnNext ? ['--close-on-next'] : [])]];
}
