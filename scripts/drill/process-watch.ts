/**
 * What a process uses while a drill goes on.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { residentBytes } from '../lab/proc.ts';

const LOOK_EVERY_MS = 250;
const MIB = 1024 * 1024;

/** Looks at the process's memory until asked for the most, and the growth from the first look. */
export function watchMemory(pid: number) {
  let stopped = false;
  const watching = (async () => {
    const before = residentBytes(pid);
    let most = before;
    while (!stopped) {
      await sleep(LOOK_EVERY_MS);
      most = Math.max(most, residentBytes(pid));
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
