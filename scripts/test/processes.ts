/**
 * The processes of the test files and all that these start, also when their parents have ended, and whatever group or
 * session they are in: found by looking often, in Linux's /proc (proc(5)). Elsewhere none is found.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { commandOf } from '../lab/proc.ts';

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

interface Process {
  readonly pid: number;
  readonly parent: number;
  /** Ticks since boot: a number may be given to another process, the same at the same time may not. */
  readonly startedAt: string;
}

interface Known extends Process {
  readonly file: string;
  /** The file's own process. */
  readonly root: Process;
  orphanedAt?: number;
  isTold?: boolean;
}

type Table = ReadonlyMap<number, Process>;

/** @param files as they end the command lines of this process's children @param onLeft told of each process once */
export function watchTestProcesses(
  files: readonly string[],
  onLeft: (left: LeftBehind) => void,
): TestProcesses {
  const known = new Map<number, Known>();
  const look = () => {
    const table = readTable();
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
        if (one.file === file && one.pid === one.root.pid) signal(one, 'SIGKILL');
    },
    async settled() {
      for (look(); known.size > 0; look()) await sleep(LOOK_EVERY_MS);
    },
    async end() {
      clearInterval(timer);
      const giveUpAt = performance.now() + LAST_GRACE_MS;
      for (look(); known.size > 0; look()) {
        const name = performance.now() < giveUpAt ? 'SIGTERM' : 'SIGKILL';
        for (const one of known.values()) signal(one, name);
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
  signal(one, lateMs < LAST_GRACE_MS ? 'SIGTERM' : 'SIGKILL');
}

function signal({ pid }: Process, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has just ended.
  }
}

const isIn = (table: Table, { pid, startedAt }: Process) => table.get(pid)?.startedAt === startedAt;

/** The ancestor that is a child of ours, or the process itself. */
function rootOf(one: Process, table: Table): Process | undefined {
  let root: Process | undefined = one;
  while (root !== undefined && root.parent !== process.pid) root = table.get(root.parent);
  return root;
}

function fileOf({ pid }: Process, files: readonly string[]): string | undefined {
  const command = commandOf(pid) ?? '';
  return files.find((file) => command.endsWith(` ${file}`));
}

function readTable(): Table {
  const processes = existsSync('/proc/self/stat') ? readdirSync('/proc').map(Number).filter(Boolean) : [];
  return new Map(
    processes
      .map(readProcess)
      .filter((one) => one !== undefined)
      .map((one) => [one.pid, one]),
  );
}

/** @returns undefined for one that has ended, also while it waits for its parent to notice */
function readProcess(pid: number): Process | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Behind the name, which may hold anything: state, parent …, and as the 20th from there the start.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return { pid, parent: Number(fields[1]), startedAt: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}
