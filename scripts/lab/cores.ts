/**
 * Which core runs what: the proxy alone on one, load and upstream on another, so that neither disturbs the other's
 * figures. Pinning is done by util-linux's taskset.
 */
import { readFileSync } from 'node:fs';
import { outputOf } from './tools.ts';

export interface Cores {
  /** Undefined: not pinned. */
  readonly proxy: number | undefined;
  readonly load: number | undefined;
  /** What a reader of the figures has to know. */
  readonly note: string;
}

/** Takes the first two cores that this process may use. */
export function chooseCores(): Cores {
  if (outputOf('taskset', '--version') === undefined) {
    return { proxy: undefined, load: undefined, note: 'NOT PINNED: taskset (util-linux) is not installed.' };
  }
  const [proxy, load] = allowedCores();
  if (proxy === undefined || load === undefined) {
    return { proxy: undefined, load: undefined, note: 'NOT PINNED: there is only one core.' };
  }
  return { proxy, load, note: `The proxy ran on core ${proxy}, load and upstream on core ${load}.` };
}

/** The command line that runs a program on one core. taskset becomes the program: the process id stays. */
export function pinned(
  command: string,
  args: readonly string[],
  core: number | undefined,
): [string, string[]] {
  if (core === undefined) return [command, [...args]];
  return ['taskset', ['--cpu-list', String(core), command, ...args]];
}

/** Moves a running process with all its threads to a core. @throws Error when it cannot be moved */
export function moveTo(core: number | undefined, pid: number): void {
  if (core === undefined) return;
  const moved = outputOf('taskset', '--all-tasks', '--pid', '--cpu-list', String(core), String(pid));
  if (moved === undefined) throw new Error(`Process ${pid} could not be moved to core ${core}.`);
}

/** `Cpus_allowed_list` of proc(5), e.g. `0-3,8`. */
function allowedCores(): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}
