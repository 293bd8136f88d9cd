/**
 * CPU time and memory of processes, read from Linux's /proc.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** USER_HZ: 100 on every Linux that Node runs on (proc(5), times(2)). */
const TICKS_PER_SECOND = 100;

/** Where CPU times come from, for the report. */
export const cpuClock = existsSync('/proc/self/schedstat')
  ? 'schedstat of every thread (nanoseconds)'
  : 'utime + stime (ticks of 10 ms)';

/** The process and its children: nginx's workers do the work, not its master. */
export function withChildren(pid: number): number[] {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => statFields(Number(name))?.[1] === String(pid));
  return [pid, ...children.map(Number)];
}

/** CPU time spent so far by all threads of the processes, user and system, µs. */
export function cpuMicroseconds(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuOf(pid), 0);
}

function cpuOf(pid: number): number {
  if (existsSync(`/proc/${pid}/schedstat`)) {
    // The process's own schedstat counts its first thread only.
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads.reduce((sum, thread) => sum + schedstatMicroseconds(pid, thread), 0);
  }
  const fields = statFields(pid);
  return ((Number(fields?.[11]) + Number(fields?.[12])) * 1e6) / TICKS_PER_SECOND;
}

/** First number: nanoseconds spent on a CPU (Linux: Documentation/scheduler/sched-stats). */
function schedstatMicroseconds(pid: number, thread: string): number {
  const text = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8');
  return Number(text.slice(0, text.indexOf(' '))) / 1000;
}

/** The fields of /proc/PID/stat behind the command's name: [0] is the state, [1] the parent. */
function statFields(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    // It has ended.
    return undefined;
  }
}

/** Resident memory now, bytes. */
export const residentBytes = (pids: readonly number[]): number => sumOf(pids, 'VmRSS');

/** The highest resident memory since `forgetPeak`, bytes. */
export const peakResidentBytes = (pids: readonly number[]): number => sumOf(pids, 'VmHWM');

/** Lets the peak start again from what is resident now (proc(5), clear_refs). */
export function forgetPeak(pids: readonly number[]): void {
  for (const pid of pids) writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

function sumOf(pids: readonly number[], field: 'VmRSS' | 'VmHWM'): number {
  const pattern = new RegExp(`^${field}:\\s*(\\d+) kB`, 'm');
  return pids.reduce((sum, pid) => {
    const kilobytes = pattern.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return sum + Number(kilobytes ?? 0) * 1024;
  }, 0);
}
