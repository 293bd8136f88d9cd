/**
 * What an earlier run left: processes, when it was killed before it could stop them, and data, when it is not wanted.
 */
import { rmSync } from 'node:fs';
import { stopOrphanedPostgres } from '../lab/postgres.ts';
import { stopOrphanedSidecar } from './sidecar-process.ts';
import type { StateFolder } from './state-folder.ts';

type Say = (text: string) => void;

/** Where the running sidecar's number is. */
export const sidecarPidFile = (state: StateFolder): string => state.at('sidecar.pid');

/** @throws Error with a sentence when one does not stop */
export async function stopOrphans(state: StateFolder, say: Say): Promise<void> {
  const left = 'that an earlier run left behind';
  if (await stopOrphanedSidecar(sidecarPidFile(state))) say(`stopped a sidecar ${left}`);
  if (await stopOrphanedPostgres(state.at('postgres'))) say(`stopped a PostgreSQL ${left}`);
}

export function removeData(state: StateFolder, say: Say): void {
  say(`removing the data in ${state.path}`);
  for (const name of ['postgres', 'objects', 'media', 'sets']) {
    rmSync(state.at(name), { recursive: true, force: true });
  }
}
