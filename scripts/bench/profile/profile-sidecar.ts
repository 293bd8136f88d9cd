/**
 * The sidecar under V8's sampling profiler with small requests: where each microsecond goes.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningProxy, startNodeProxy } from '../contenders/contender.ts';
import { sidecarProxy } from '../contenders/sidecar.ts';
import { type OpenCommand, runLoop } from '../workloads/closed-loop-load.ts';
import { type Bench, placeIn } from '../workloads/workload.ts';
import { profileTables } from './profile-tables.ts';
import { type CpuProfile, selfTimes } from './self-times.ts';

const WARM_UP_REQUESTS = 20_000;
const REQUESTS = 80_000;
const QUICK_REQUESTS = 10_000;
/** Between two samples, µs. */
const INTERVAL_US = 200;

/** @returns Markdown */
export async function profileSidecar(bench: Bench, method: 'GET' | 'POST'): Promise<string> {
  const place = placeIn(bench);
  const { path } = place.folder;
  const flags = ['--cpu-prof', `--cpu-prof-dir=${path}`, `--cpu-prof-interval=${INTERVAL_US}`];
  const proxy = await startNodeProxy(place, (port) => sidecarProxy(port, place.upstreamPort, flags));
  const requests = bench.quick ? QUICK_REQUESTS : REQUESTS;
  const open: OpenCommand = { kind: 'open', port: proxy.port, method, connections: 64 };
  const measured = await measure(bench, proxy, open, requests);
  // Ending in order is what writes the profile.
  await proxy.stop();
  const profile = readProfile(path);
  const times = selfTimes(profile, measured.fromUs, measured.toUs);
  return profileTables(times, { method, requests, cpuUs: measured.cpuUs });
}

/** Times are those of the monotonic clock that V8 stamps its samples with, µs. */
async function measure(
  bench: Bench,
  proxy: RunningProxy,
  open: OpenCommand,
  requests: number,
): Promise<{ fromUs: number; toUs: number; cpuUs: number }> {
  bench.say('profile: warming up');
  await runLoop(bench, proxy, open, bench.quick ? 1_000 : WARM_UP_REQUESTS);
  bench.say(`profile: ${requests} requests`);
  const fromUs = monotonicUs();
  const { cpuUs } = await runLoop(bench, proxy, open, requests);
  return { fromUs, toUs: monotonicUs(), cpuUs };
}

const monotonicUs = (): number => Number(process.hrtime.bigint() / 1000n);

function readProfile(folder: string): CpuProfile {
  const file = readdirSync(folder).find((name) => name.endsWith('.cpuprofile'));
  if (file === undefined) throw new Error('The sidecar wrote no profile.');
  return JSON.parse(readFileSync(join(folder, file), 'utf8'));
}
