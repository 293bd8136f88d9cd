/**
 * The folder where development keeps its data, used by one `npm run dev` at a time.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { processIn } from '../lab/process-command.ts';

export interface StateFolder {
  readonly path: string;
  at(name: string): string;
  /** A secret made once and kept, so that tokens survive a restart. */
  secret(name: string): string;
  release(): void;
}

/** @throws Error with a sentence when another process uses it or it cannot be written */
export function takeStateFolder(path: string): StateFolder {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new Error(
      `The state folder ${path} cannot be made: ${error instanceof Error ? error.message : error}`,
      {
        cause: error,
      },
    );
  }
  // PostgreSQL runs as another user when we are root, and must be able to pass through.
  if (process.getuid?.() === 0) chmodSync(path, 0o755);
  const lock = join(path, 'dev.pid');
  takeLock(lock);
  return {
    path,
    at: (name) => join(path, name),
    secret(name) {
      const file = join(path, name);
      if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString('base64url'), { mode: 0o600 });
      return readFileSync(file, 'utf8');
    },
    release: () => rmSync(lock, { force: true }),
  };
}

/** Made only when it is not there: of two that start at the same moment one fails. */
function takeLock(lock: string): void {
  const holder = processIn(lock, 'dev.ts');
  // A lock of a process that is gone, or whose number is another program's now, counts for nothing.
  if (holder === null || holder === process.pid) rmSync(lock, { force: true });
  else throw alreadyRuns(holder);
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    throw alreadyRuns(Number.parseInt(readFileSync(lock, 'utf8'), 10));
  }
}

const alreadyRuns = (pid: number) =>
  new Error(`\`npm run dev\` already runs with this state folder (process ${pid}). Stop it first.`);
