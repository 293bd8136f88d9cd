/**
 * The folder where development keeps its data, used by one `npm run dev` at a time.
 */
import { randomBytes } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { takeProcessLock } from '../lib/process-lock.ts';

export type StateFolder = Awaited<ReturnType<typeof takeStateFolder>>;

/** @throws Error with a sentence when another process uses it or it cannot be written */
export async function takeStateFolder(path: string) {
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
  // Told at once, where the lock would be tried again and again.
  accessSync(path, constants.W_OK);
  const pidFile = join(path, 'dev.pid');
  const holder = await takeProcessLock(pidFile, 'dev.ts');
  if (holder !== null) {
    throw new Error(
      `\`npm run dev\` already runs with this state folder (process ${holder}). Stop it first.`,
    );
  }
  return {
    path,
    at: (name: string) => join(path, name),
    /** A secret made once and kept, so that tokens survive a restart. */
    secret(name: string) {
      const file = join(path, name);
      if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString('base64url'), { mode: 0o600 });
      return readFileSync(file, 'utf8');
    },
    release: () => rmSync(pidFile, { force: true }),
  };
}
