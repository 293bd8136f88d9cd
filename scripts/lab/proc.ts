/**
 * What a process is, does and holds: from Linux's /proc (proc(5)), and what other systems know as well from ps(1).
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { until } from './programs.ts';

const STOP_TIMEOUT_MS = 30_000;
/** USER_HZ: 100 on every Linux that Node runs on (proc(5), times(2)). */
const TICKS_PER_SECOND = 100;

export const hasProc = existsSync('/proc/self/stat');

/** Its command line with spaces between the arguments; null when there is no such process, or no way to ask. */
export function commandOf(pid: number): string | null {
  const command = hasProc
    ? read(pid, 'cmdline').replaceAll('\0', ' ').trim()
    : ps('-ww', '-o', 'command=', '-p', String(pid));
  // Empty, or with this mark, for one that has ended and only waits for its parent to notice.
  return command === '' || command.includes('<defunct>') ? null : command;
}

/**
 * The number in a file, if that process runs and its command line holds these words: after a crash or a reboot a number
 * may be anybody's.
 */
export function processIn(file: string, words: string): number | null {
  let pid = Number.NaN;
  try {
    pid = Number.parseInt(readFileSync(file, 'utf8'), 10);
  } catch {
    return null;
  }
  return pid > 1 && (commandOf(pid)?.includes(words) ?? false) ? pid : null;
}

/** Waits until a process of that name has ended. @throws Error when it does not */
export const untilEnded = (pid: number, words: string): Promise<void> =>
  until(`the end of process ${pid} (stop it by hand)`, () => !commandOf(pid)?.includes(words), {
    patienceMs: STOP_TIMEOUT_MS,
  });

export const isAlive = (pid: number): boolean => signalProcess(pid, 0);

/** @param signal 0: only asks @returns false when it has ended */
export function signalProcess(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  /** Ticks since boot: a number may be given to another process, the same at the same time may not. */
  readonly startedAt: string;
}

/** All processes, but for those that have ended and wait for their parent to notice; of /proc. */
export function processTable(): Map<number, ProcessEntry> {
  const table = new Map<number, ProcessEntry>();
  for (const pid of readdirSync('/proc').map(Number).filter(Boolean)) {
    const fields = statFields(pid);
    // The start is the field 22 of proc(5), counted from 1, and the state is 3.
    const [state = '', parent, startedAt = ''] = [fields[0], fields[1], fields[19]];
    if (state !== '' && state !== 'Z' && state !== 'X')
      table.set(pid, { pid, parent: Number(parent), startedAt });
  }
  return table;
}

/** The process and its children: nginx's workers do the work, not its master. */
export function withChildren(pid: number): number[] {
  const children = hasProc
    ? [...processTable().values()].filter(({ parent }) => parent === pid).map((child) => child.pid)
    : ps('-A', '-o', 'pid=,ppid=')
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        .filter(([, parent]) => parent === String(pid))
        .map(([child]) => child);
  return [pid, ...children.map(Number)];
}

/** Resident memory of all of them now, bytes. */
export const residentBytes = (...pids: readonly number[]): number =>
  sum(pids, (pid) =>
    hasProc ? statusBytes(pid, 'VmRSS') : Number(ps('-o', 'rss=', '-p', String(pid))) * 1024,
  );

/** The highest resident memory since `forgetPeak`, bytes. */
export const peakBytes = (...pids: readonly number[]): number =>
  sum(pids, (pid) => statusBytes(pid, 'VmHWM'));

/** Lets the peak start again from what is resident now (proc(5), clear_refs). */
export function forgetPeak(...pids: readonly number[]): void {
  for (const pid of pids) writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

export const openDescriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

/** Write system calls so far, of all threads. */
export const writeCalls = (pid: number): number => field(pid, 'io', /^syscw: (\d+)$/m);

/** Where CPU times come from, for reports. */
export const cpuClock = existsSync('/proc/self/schedstat')
  ? 'schedstat of every thread (nanoseconds)'
  : 'utime + stime (ticks of 10 ms)';

/** CPU time spent so far by all threads of the processes, user and system, µs. */
export const cpuMicroseconds = (pids: readonly number[]): number =>
  sum(pids, (pid) => {
    // The process's own schedstat counts its first thread only.
    if (existsSync(`/proc/${pid}/schedstat`)) return sum(threadsOf(pid), (task) => scheduled(task).ranUs);
    const fields = statFields(pid);
    return ((Number(fields[11]) + Number(fields[12])) * 1e6) / TICKS_PER_SECOND;
  });

/**
 * The same of a process, its children, and those of its children that have ended, µs: PostgreSQL has a process for each
 * connection. The ended ones' is known in ticks of 10 ms only (proc(5), cutime and cstime).
 */
export function cpuWithEnded(pid: number): number {
  const fields = statFields(pid);
  const endedUs = ((Number(fields[13]) + Number(fields[14])) * 1e6) / TICKS_PER_SECOND;
  try {
    return endedUs + cpuMicroseconds(withChildren(pid));
  } catch (error) {
    // One of them ended meanwhile, and is among the ended now.
    if (isAlive(pid)) return cpuWithEnded(pid);
    throw error;
  }
}

export interface CoreUse {
  /** Part of the time in which the core was not another process's, 0 to 1; 1 where it cannot be known. */
  readonly left: number;
  /** Part of that time in which the process ran; NaN where it cannot be known. */
  readonly used: number;
}

/** Starts to count how a process gets on with the one core that it runs on. @returns asked later, of the time since */
export function watchCore(pid: number): () => CoreUse {
  const startedAt = performance.now();
  const before = coreTimes(pid);
  return () => {
    const { ranUs, takenUs } = coreTimes(pid);
    const elapsedUs = (performance.now() - startedAt) * 1000;
    const left = 1 - Math.max(0, takenUs - before.takenUs) / elapsedUs;
    return { left, used: (ranUs - before.ranUs) / (elapsedUs * left) };
  };
}

/** What it ran; what its first thread waited for the core, less what the other threads ran, which may be what it waited for. */
function coreTimes(pid: number): { readonly ranUs: number; readonly takenUs: number } {
  if (!existsSync(`/proc/${pid}/schedstat`)) return { ranUs: Number.NaN, takenUs: 0 };
  const ranUs = sum(threadsOf(pid), (task) => scheduled(task).ranUs);
  const first = scheduled(String(pid));
  return { ranUs, takenUs: first.waitedUs - (ranUs - first.ranUs) };
}

const threadsOf = (pid: number): string[] =>
  readdirSync(`/proc/${pid}/task`).map((thread) => `${pid}/task/${thread}`);

/** Time on a core, and ready for one (Linux: Documentation/scheduler/sched-stats: nanoseconds). */
function scheduled(task: string): { readonly ranUs: number; readonly waitedUs: number } {
  const [ran, waited] = readFileSync(`/proc/${task}/schedstat`, 'utf8').split(' ');
  return { ranUs: Number(ran) / 1000, waitedUs: Number(waited) / 1000 };
}

/** The fields of /proc/PID/stat behind the command's name: [0] is the state, [1] the parent. Empty when it has ended. */
function statFields(pid: number): string[] {
  const text = read(pid, 'stat');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

const statusBytes = (pid: number, name: string): number =>
  field(pid, 'status', new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm')) * 1024;

/** @param pattern one group, the number. @throws Error when it is not there */
function field(pid: number, file: 'status' | 'io', pattern: RegExp): number {
  const found = pattern.exec(read(pid, file));
  if (found === null) throw new Error(`/proc/${pid}/${file} has no ${pattern}`);
  return Number(found[1]);
}

/** Empty when the process has ended. */
function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

/** Empty when it knows of nothing. */
function ps(...args: readonly string[]): string {
  try {
    return execFileSync('ps', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '';
  }
}

const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0);
