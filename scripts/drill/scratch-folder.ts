/** A folder that is gone when the drill is, interrupted or not. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

export interface ScratchFolder {
  readonly path: string;
  remove(): void;
}

export function makeScratchFolder(parent: string): ScratchFolder {
  const path = mkdtempSync(join(parent, 'sidecar-drill-'));
  // Something that was killed a moment ago may still write.
  const remove = () => rmSync(path, { recursive: true, force: true, maxRetries: 5 });
  process.once('exit', remove);
  return {
    path,
    remove() {
      process.off('exit', remove);
      remove();
    },
  };
}
