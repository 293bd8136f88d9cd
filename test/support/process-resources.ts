/** What a process holds, read from Linux's /proc (proc(5)). */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { TestContext } from 'node:test';

/** @returns whether the test may go on; it is skipped where there is no /proc */
export function requireProc(t: Pick<TestContext, 'skip'>): boolean {
  if (existsSync('/proc/self/status')) return true;
  t.skip('needs Linux: /proc');
  return false;
}

/** Resident memory, bytes. */
export const residentBytes = (pid: number) => statusBytes(pid, 'VmRSS');

/** Largest resident memory since the last `forgetPeak`, bytes. */
export const peakBytes = (pid: number) => statusBytes(pid, 'VmHWM');

export const forgetPeak = (pid: number) => writeFileSync(`/proc/${pid}/clear_refs`, '5');

export const openDescriptors = (pid: number) => readdirSync(`/proc/${pid}/fd`).length;

function statusBytes(pid: number, field: string): number {
  const line = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  if (line === null) throw new Error(`/proc/${pid}/status has no ${field}`);
  return Number(line[1]) * 1024;
}

/** Write system calls so far, of all threads. */
export function writeCalls(pid: number): number {
  const line = /^syscw: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'));
  if (line === null) throw new Error(`/proc/${pid}/io has no syscw`);
  return Number(line[1]);
}
