/**
 * A profile as two Markdown tables: by group, and the functions that take longest themselves.
 */
import { GROUPS, type SelfTime } from './self-times.ts';

const SHOWN_FUNCTIONS = 45;

/** @param measured `cpuUs`: CPU time per request by the kernel's account, for comparison */
export function profileTables(
  times: readonly SelfTime[],
  { method, requests, cpuUs }: { readonly method: string; readonly requests: number; readonly cpuUs: number },
): string {
  const totalUs = sum(times);
  // The profiler counts time on the clock, in which others may have had the core: the share is what it knows.
  const cells = (us: number) => {
    const share = us / totalUs;
    return `${(share * cpuUs).toFixed(2)} | ${(share * 100).toFixed(1)} %`;
  };
  const groups = GROUPS.map(
    (group) => `| ${group} | ${cells(sum(times.filter((time) => time.group === group)))} |`,
  );
  const functions = times
    .slice(0, SHOWN_FUNCTIONS)
    .map(({ name, place, group, us }) => `| ${name} | ${place} | ${group} | ${cells(us)} |`);
  return [
    `### Where the time of a small ${method} goes`,
    '',
    `${requests} requests over 64 connections, ${cpuUs.toFixed(1)} µs of CPU each, the profiler's own cost included;`,
    `${times.length} functions. The time is a function's own, without what it called.`,
    '',
    '| group | µs a request | share |',
    '|---|---:|---:|',
    ...groups,
    '',
    '| function | where | group | µs a request | share |',
    '|---|---|---|---:|---:|',
    ...functions,
    '',
  ].join('\n');
}

const sum = (times: readonly SelfTime[]): number => times.reduce((total, { us }) => total + us, 0);
