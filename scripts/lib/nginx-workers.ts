/** The running Nginx's processes: which take new connections, and which only finish old ones. Linux: /proc. */
import { commandOf, hasProc, processTable } from '../lab/proc.ts';

/** What it calls itself once it takes no new connections (ngx_process_cycle.c). */
const LEAVING = 'worker process is shutting down';

/** Those that take new connections, each by its number and its start; null where it cannot be known. */
export function takingWorkers(master: number | null): ReadonlySet<string> | null {
  if (master === null || !hasProc || !commandOf(master)?.includes('nginx')) return null;
  const workers = [...processTable().values()].filter(({ pid, parent }) => {
    const command = parent === master ? commandOf(pid) : null;
    return command?.includes('worker process') && !command.includes(LEAVING);
  });
  return new Set(workers.map(({ pid, startedAt }) => `${pid} ${startedAt}`));
}

/** Has a reload taken effect since? True as well where it cannot be known. */
export function areReplaced(before: ReadonlySet<string> | null, master: number | null): boolean {
  const now = takingWorkers(master);
  return before === null || now === null || (now.size > 0 && [...now].every((worker) => !before.has(worker)));
}

export const isLeaving = (pid: number): boolean => commandOf(pid)?.includes(LEAVING) ?? false;
