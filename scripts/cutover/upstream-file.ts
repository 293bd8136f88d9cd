/** The file that has the line: read, and changed in one step that either has happened or has not. */
import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Side } from '../lib/who-answers.ts';
import { findUpstreamLine, type Ports, type UpstreamLine, withPort } from './upstream-line.ts';
import { Refusal, type Words } from './words.ts';

export type UpstreamFile = ReturnType<typeof openUpstreamFile>;

/** Whether it is there and can be read turns out with `read`. */
export function openUpstreamFile(path: string, ports: Ports, words: Words) {
  const realPath = followLinks(path);
  // Neither name is one that `include conf.d/*.conf` or `include sites-enabled/*` takes in: glob(7) leaves out what begins with a dot.
  const beside = (ending: string) => join(dirname(realPath), `.${basename(realPath)}.${ending}`);
  /** latin1: a char a byte, so that nothing but the port changes. */
  const load = () => attempt(path, () => readFileSync(realPath, 'latin1'));

  /** @throws Refusal when it is not certain which line it is */
  function read(): UpstreamLine {
    return find(load());
  }

  function find(text: string): UpstreamLine {
    const found = findUpstreamLine(text, ports);
    if ('why' in found) throw new Refusal(words.unknownFile(path, found, ports));
    return found;
  }

  function attempt<T>(name: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw error instanceof Refusal ? error : new Refusal(words.cannotUse(name, messageOf(error)));
    }
  }

  return {
    path,
    realPath,
    lockPath: beside('cutover-pid'),
    read,
    /** @throws Refusal when the file could not be replaced */
    checkWritable: () => attempt(path, () => accessSync(dirname(realPath), constants.W_OK)),
    /** Puts that side's port into the line, and nothing else anywhere. @returns the line as it is now */
    point(side: Side): UpstreamLine {
      const text = load();
      const found = find(text);
      if (found.side === side) return found;
      const changed = withPort(text, found, ports[side]);
      attempt(path, () => replace(realPath, beside('cutover-new'), changed));
      return find(changed);
    },
  };
}

function followLinks(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** Mode and owner stay. A power cut leaves either the old text or the new one. */
function replace(path: string, temporary: string, text: string): void {
  const { mode, uid, gid } = statSync(path);
  rmSync(temporary, { force: true });
  const file = openSync(temporary, 'wx', 0o600);
  try {
    writeFileSync(file, text, 'latin1');
    if (uid !== process.geteuid?.() || gid !== process.getegid?.()) fchownSync(file, uid, gid);
    fchmodSync(file, mode & 0o7777);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  const folder = openSync(dirname(path), 'r');
  fsyncSync(folder);
  closeSync(folder);
}
