/**
 * Reads a .cpuprofile: how long each function itself was running, without what it called.
 */

/** The part of the DevTools protocol's Profiler.Profile that is read here; times in µs. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly startTime: number;
  readonly samples: readonly number[];
  /** Between each sample and the one before, the first one after `startTime`. */
  readonly timeDeltas: readonly number[];
}

export interface SelfTime {
  readonly name: string;
  /** `src/edge/app.ts:47`, `node:net:120`, `pino/lib/proto.js:10`; empty for native code. */
  readonly place: string;
  readonly group: Group;
  readonly us: number;
}

export const GROUPS = [
  'our files',
  'packages',
  'Node internals',
  'native calls from JavaScript',
  'garbage collection',
  'event loop, kernel, compiler',
] as const;
export type Group = (typeof GROUPS)[number];

/** Functions by their own time between two moments of the monotonic clock, the longest first; idle time left out. */
export function selfTimes(profile: CpuProfile, fromUs: number, toUs: number): SelfTime[] {
  const usByNode = new Map<number, number>();
  let now = profile.startTime;
  profile.samples.forEach((node, i) => {
    now += profile.timeDeltas[i] ?? 0;
    if (now < fromUs || now > toUs) return;
    // A sample stands for the time until the next one.
    usByNode.set(node, (usByNode.get(node) ?? 0) + Math.max(0, profile.timeDeltas[i + 1] ?? 0));
  });
  const byFunction = new Map<string, SelfTime>();
  for (const { id, callFrame } of profile.nodes) {
    const us = usByNode.get(id) ?? 0;
    if (us === 0 || callFrame.functionName === '(idle)') continue;
    const { functionName, url, lineNumber } = callFrame;
    const place = placeOf(url, lineNumber);
    const key = `${functionName} ${place}`;
    const name = functionName === '' ? '(anonymous)' : functionName;
    const known = byFunction.get(key)?.us ?? 0;
    byFunction.set(key, { name, place, group: groupOf(functionName, url), us: known + us });
  }
  return [...byFunction.values()].toSorted((a, b) => b.us - a.us);
}

function groupOf(functionName: string, url: string): Group {
  if (functionName === '(garbage collector)') return 'garbage collection';
  if (functionName === '(program)' || functionName === '(root)') return 'event loop, kernel, compiler';
  if (url === '') return 'native calls from JavaScript';
  if (url.startsWith('node:')) return 'Node internals';
  return url.includes('/node_modules/') ? 'packages' : 'our files';
}

function placeOf(url: string, lineNumber: number): string {
  if (url === '') return '';
  const file = url.startsWith('node:')
    ? url
    : (/\/node_modules\/(.*)$/.exec(url)?.[1] ?? /\/(src\/.*)$/.exec(url)?.[1] ?? url);
  return `${file}:${lineNumber + 1}`;
}
