/** Folders that are gone when their user is, interrupted or not. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const existing = new Set<string>();

export type ScratchFolder = ReturnType<typeof makeScratchFolder>;

/** @param name what it is for. Every user may enter: as root, PostgreSQL and nginx's workers run as others. */
export function makeScratchFolder(name: string, parent = tmpdir()) {
  const path = mkdtempSync(join(parent, `sidecar-${name}-`));
  chmodSync(path, 0o755);
  if (existing.size === 0) process.once('exit', removeAll);
  existing.add(path);
  return {
    path,
    at: (file: string) => join(path, file),
    remove() {
      removeFolder(path);
      existing.delete(path);
      if (existing.size === 0) process.off('exit', removeAll);
    },
  };
}

/** Something that was killed a moment ago may still write. */
const removeFolder = (path: string) => rmSync(path, { recursive: true, force: true, maxRetries: 5 });

function removeAll(): void {
  for (const path of existing) removeFolder(path);
}
