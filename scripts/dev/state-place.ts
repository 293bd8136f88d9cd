/**
 * Where development data may live. PostgreSQL refuses to run as root; started by root it runs as "nobody", who has to
 * be able to enter every folder above the data.
 */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

const FOR_EVERYONE_TO_ENTER = 0o001;

/** `.dev` in the project; for root with a project that only root can enter (below /root, say) a folder in /var/lib. */
export function defaultStateFolder(project: string, isRoot: boolean): string {
  if (!isRoot || closedFolder(project) === null) return join(project, '.dev');
  const id = createHash('sha256').update(project).digest('hex').slice(0, 8);
  return join('/var/lib/gogomarket-dev', `${basename(project)}-${id}`);
}

/** The topmost folder on the way to `path` that only its owner and group can enter; null when there is none. */
export function closedFolder(path: string): string | null {
  const parent = dirname(path);
  const above = parent === path ? null : closedFolder(parent);
  if (above !== null) return above;
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isDirectory()) return null;
  return (found.mode & FOR_EVERYONE_TO_ENTER) === 0 ? path : null;
}
