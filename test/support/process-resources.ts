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
export const residentBytes = (pid: number) => statusKib(pid, 'VmRSS') * 1024;

/** Largest resident memory since the last `forgetPeak`, bytes. */
export const peakBytes = (pid: number) => statusKib(pid, 'VmHWM') * 1024;

export const forgetPeak = (pid: number) => writeFileSync(`/proc/${pid}/clear_refs`, '5');

export const openDescriptors = (pid: number) => readdirSync(`/proc/${pid}/fd`).length;

/** Write system calls so far, of all threads. */
export const writeCalls = (pid: number) => procNumber(pid, 'io', /^syscw: (\d+)$/m);

/**
 * For each open IPv4 connection of this machine with that port at its own end, or at the other: how soon TCP will ask
 * whether the peer still lives, s. Null when no such timer runs, as also while sent bytes wait for their
 * acknowledgement. (https://www.kernel.org/doc/Documentation/networking/proc_net_tcp.txt)
 */
export function keepAliveTimers(end: 'local' | 'remote', port: number): (number | null)[] {
  const rows = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return rows
    .filter(([, local, remote, state]) => {
      return state === ESTABLISHED && portOf(end === 'local' ? local : remote) === port;
    })
    .map(([, , , , , timer = '']) => {
      const [kind, hundredths = ''] = timer.split(':');
      return kind === KEEP_ALIVE_TIMER ? Number.parseInt(hundredths, 16) / 100 : null;
    });
}

const ESTABLISHED = '01';
const KEEP_ALIVE_TIMER = '02';
const portOf = (address = '') => Number.parseInt(address.split(':')[1] ?? '', 16);

const statusKib = (pid: number, field: string) =>
  procNumber(pid, 'status', new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm'));

/** @param pattern one group, the number. @throws Error when it is not there */
function procNumber(pid: number, file: 'status' | 'io', pattern: RegExp): number {
  const line = pattern.exec(readFileSync(`/proc/${pid}/${file}`, 'utf8'));
  if (line === null) throw new Error(`/proc/${pid}/${file} has no ${pattern}`);
  return Number(line[1]);
}
