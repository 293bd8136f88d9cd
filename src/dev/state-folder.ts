/**
 * The folder where development keeps its data, used by one `npm run dev` at a time.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

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
  const holder = holderOf(lock);
  if (holder !== null)
    throw new Error(
      `\`npm run dev\` already runs with this state folder (process ${holder}). Stop it first.`,
    );
  writeFileSync(lock, String(process.pid));
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

/** A lock of a process that is gone, or whose number now belongs to itself, counts for nothing. */
function holderOf(lock: string): number | null {
  const pid = existsSync(lock) ? Number.parseInt(readFileSync(lock, 'utf8'), 10) : Number.NaN;
  if (!Number.isInteger(pid) || pid === process.pid) return null;
  try {
    process.kill(pid, 0);
    return pid;
  } catch {
    return null;
  }
}
