/** Which connections Nginx still has to the one that no longer gets new requests: ss(8) of iproute2. */
import { isLeaving } from '../lib/nginx-workers.ts';
import { runProgram } from '../lib/run-program.ts';
import type { Side } from '../lib/who-answers.ts';
import type { Ports } from './upstream-line.ts';

export interface OldConnections {
  readonly count: number;
  /** The processes that hold them, all of them on their way out. */
  readonly workers: readonly number[];
}

const LINE = /127\.0\.0\.1:(\d+)\s+users:\(\((.*)\)\)/;

/** @returns null without `ss` */
export async function connectionsTo(side: Side, ports: Ports): Promise<OldConnections | null> {
  const filter = `( dport = :${ports[side]} )`;
  const { status, stdout } = await runProgram(['ss', '-Htnp', 'state', 'established', filter]);
  return status === 0 ? heldByLeaving(stdout, isLeaving) : null;
}

/** Pure but for `isLeaving`. @param lines of `ss -Htnp` */
export function heldByLeaving(lines: string, isLeavingWorker: (pid: number) => boolean): OldConnections {
  const holders = lines.split('\n').flatMap((line) => {
    const users = LINE.exec(line)?.[2] ?? '';
    const pids = [...users.matchAll(/"nginx",pid=(\d+)/g)].map(([, pid]) => Number(pid));
    const pid = pids.find(isLeavingWorker);
    return pid === undefined ? [] : [pid];
  });
  return { count: holders.length, workers: [...new Set(holders)].sort((a, b) => a - b) };
}
