/**
 * What a process uses while a drill goes on.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { residentBytes } from './sidecar.ts';

const LOOK_EVERY_MS = 250;
const MIB = 1024 * 1024;

export interface MemoryUse {
  readonly mostMib: number;
  /** From the first look. */
  readonly growthMib: number;
}

/** Looks at the process's memory until asked. */
export function watchMemory(pid: number): { end(): Promise<MemoryUse> } {
  let stopped = false;
  const watching = (async () => {
    const before = await residentBytes(pid);
    let most = before;
    while (!stopped) {
      await sleep(LOOK_EVERY_MS);
      most = Math.max(most, await residentBytes(pid));
    }
    return { mostMib: Math.round(most / MIB), growthMib: Math.round((most - before) / MIB) };
  })();
  return {
    end() {
      stopped = true;
      return watching;
    },
  };
}

/**
 * Starts to count how long the process's first thread is ready to run while another process has the core.
 * @returns asked later, the part of the time since that the process could have had, 0 to 1; 1 where it cannot be known
 */
export function watchCore(pid: number): () => number {
  const startedAt = performance.now();
  const takenBefore = takenMs(pid);
  return () => {
    const takenByOthersMs = Math.max(0, takenMs(pid) - takenBefore);
    return 1 - takenByOthersMs / (performance.now() - startedAt);
  };
}

/** What the first thread waited for a core, less what the other threads ran, which may be what it waited for. */
function takenMs(pid: number): number {
  if (!existsSync(`/proc/${pid}/schedstat`)) return 0;
  const threads = readdirSync(`/proc/${pid}/task`).filter((thread) => thread !== String(pid));
  const ranMs = threads.reduce((sum, thread) => sum + schedstat(`${pid}/task/${thread}`).ranMs, 0);
  return schedstat(String(pid)).waitedMs - ranMs;
}

/** Nanoseconds on a core and in wait of one (Linux: Documentation/scheduler/sched-stats). */
function schedstat(task: string): { readonly ranMs: number; readonly waitedMs: number } {
  const [ran, waited] = readFileSync(`/proc/${task}/schedstat`, 'utf8').split(' ');
  return { ranMs: Number(ran) / 1e6, waitedMs: Number(waited) / 1e6 };
}
