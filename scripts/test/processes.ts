/**
 * The processes of the test files and all that these start, also when their parents have ended, and whatever group or
 * session they are in: found by looking often, in Linux's /proc (proc(5)). Elsewhere none is found.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { commandOf, hasProc, type ProcessEntry, processTable, signalProcess } from '../lab/proc.ts';

export interface TestProcesses {
  /** SIGKILL for a file's own process; what it started is then left behind. */
  kill(file: string): void;
  /** Resolves when nothing is left of files that have ended. */
  settled(): Promise<void>;
  /** Ends everything, in order if it can. */
  end(): Promise<void>;
}

export interface LeftBehind {
  /** The test file that it goes back to. */
  readonly file: string;
  readonly pid: number;
  readonly command: string;
}

const LOOK_EVERY_MS = 250;
/** What a process may take to end after its file; a database has pages to write. */
const GRACE_MS = 5_000;
/** From SIGTERM to SIGKILL. */
const LAST_GRACE_MS = 3_000;

interface Known extends ProcessEntry {
  readonly file: string;
  /** The file's own process. */
  readonly root: ProcessEntry;
  orphanedAt?: number;
  isTold?: boolean;
}

type Table = ReadonlyMap<number, ProcessEntry>;

/** @param files as they end the command lines of this process's children @param onLeft told of each process once */
export function watchTestProcesses(
  files: readonly string[],
  onLeft: (left: LeftBehind) => void,
): TestProcesses {
  const known = new Map<number, Known>();
  const look = () => {
    const table: Table = hasProc ? processTable() : new Map();
    for (const one of known.values()) if (!isIn(table, one)) known.delete(one.pid);
    for (const one of table.values()) {
      const root = known.has(one.pid) ? undefined : rootOf(one, table);
      const file = root && fileOf(root, files);
      if (root !== undefined && file !== undefined) known.set(one.pid, { ...one, file, root });
    }
    for (const one of known.values()) if (!isIn(table, one.root)) endOrphan(one, onLeft);
  };
  const timer = setInterval(look, LOOK_EVERY_MS).unref();
  return {
    kill(file) {
      for (const one of known.values())
        if (one.file === file && one.pid === one.root.pid) signalProcess(one.pid, 'SIGKILL');
    },
    async settled() {
      for (look(); known.size > 0; look()) await sleep(LOOK_EVERY_MS);
    },
    async end() {
      clearInterval(timer);
      const giveUpAt = performance.now() + LAST_GRACE_MS;
      for (look(); known.size > 0; look()) {
        const name = performance.now() < giveUpAt ? 'SIGTERM' : 'SIGKILL';
        for (const one of known.values()) signalProcess(one.pid, name);
        await sleep(LOOK_EVERY_MS);
      }
    },
  };
}

function endOrphan(one: Known, onLeft: (left: LeftBehind) => void): void {
  one.orphanedAt ??= performance.now();
  const lateMs = performance.now() - one.orphanedAt - GRACE_MS;
  if (lateMs < 0) return;
  if (!one.isTold) onLeft({ file: one.file, pid: one.pid, command: commandOf(one.pid) ?? '' });
  one.isTold = true;
  signalProcess(one.pid, lateMs < LAST_GRACE_MS ? 'SIGTERM' : 'SIGKILL');
}

const isIn = (table: Table, { pid, startedAt }: ProcessEntry) => table.get(pid)?.startedAt === startedAt;

/** The ancestor that is a child of ours, or the process itself. */
function rootOf(one: ProcessEntry, table: Table): ProcessEntry | undefined {
  let root: ProcessEntry | undefined = one;
  while (root !== undefined && root.parent !== process.pid) root = table.get(root.parent);
  return root;
}

function fileOf({ pid }: ProcessEntry, files: readonly string[]): string | undefined {
  const command = commandOf(pid) ?? '';
  return files.find((file) => command.endsWith(` ${file}`));
}
