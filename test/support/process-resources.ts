/** Tests of what only Linux's /proc can tell (proc(5)). */
import { readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { hasProc } from '../../scripts/lab/proc.ts';

/** @returns whether the test may go on; it is skipped where there is no /proc */
export function requireProc(t: Pick<TestContext, 'skip'>): boolean {
  if (hasProc) return true;
  t.skip('needs Linux: /proc');
  return false;
}

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
