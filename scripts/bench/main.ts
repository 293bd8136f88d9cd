/**
 * `npm run bench`: the sidecar beside other proxies. Order: arguments, contenders, workloads, report.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chooseContenders } from './contenders/choose.ts';
import { installPeers } from './contenders/install-peers.ts';
import { startLoadGenerator } from './load/load-process.ts';
import { chooseCores } from './machine/cores.ts';
import { describeMachine } from './machine/describe.ts';
import { cpuClock } from './machine/process-figures.ts';
import { killAllChildren } from './machine/processes.ts';
import { type BenchOptions, HELP, parseOptions } from './options.ts';
import { profileSidecar } from './profile/profile-sidecar.ts';
import { type Report, reportJson, reportMarkdown } from './report/report.ts';
import { startUpstream } from './upstream/upstream-process.ts';
import { workloads } from './workloads/all-workloads.ts';
import type { Bench, WorkloadResult } from './workloads/workload.ts';

/** 128 + SIGINT, as shells have it. */
const STOPPED_STATUS = 130;

async function main(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  if (options === undefined) return;
  if (!existsSync('/proc/self/stat'))
    throw new Error('The bench reads CPU times from /proc: it needs Linux.');
  const folder = mkdtempSync(join(tmpdir(), 'sidecar-bench-'));
  cleanUpAtExit(folder);
  const bench = await prepare(options, folder);
  if (options.profile) process.stdout.write(await profileSidecar(bench));
  else await compare(options, bench);
  process.exit();
}

function readOptions(args: readonly string[]): BenchOptions | undefined {
  try {
    const options = parseOptions(args);
    if (!options.help) return options;
    process.stdout.write(HELP);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${HELP}`);
    process.exitCode = 2;
  }
  return undefined;
}

/** Whatever ends the bench: nothing goes on running, nothing stays in the temporary folder. */
function cleanUpAtExit(folder: string): void {
  process.on('exit', () => {
    killAllChildren();
    rmSync(folder, { recursive: true, force: true });
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      process.stderr.write('\nstopped\n');
      process.exit(STOPPED_STATUS);
    });
  }
}

async function prepare(options: BenchOptions, folder: string): Promise<Bench> {
  const cores = chooseCores();
  say(cores.note);
  const contenders = chooseContenders(options.profile ? [] : options.peers, say);
  if (contenders.some(({ kind }) => kind === 'node')) installPeers(say);
  return {
    contenders,
    rounds: options.rounds,
    quick: options.quick,
    upstream: await startUpstream(cores.load, join(folder, 'upstream.log')),
    load: startLoadGenerator(cores.load, join(folder, 'load.log')),
    cores,
    folder,
    say,
  };
}

async function compare(options: BenchOptions, bench: Bench): Promise<void> {
  const { contenders, rounds, quick } = bench;
  const date = new Date().toISOString().slice(0, 10);
  const conditions = { date, machine: describeMachine(), pinning: bench.cores.note, cpuClock, rounds, quick };
  const startedAt = performance.now();
  const results: WorkloadResult[] = [];
  let report: Report | undefined;
  for (const name of options.workloads) {
    results.push(...(await workloads[name](bench)));
    report = { ...conditions, seconds: (performance.now() - startedAt) / 1000, contenders, results };
    // After each workload: what a later one breaks or Ctrl-C cuts off is not lost.
    writeFiles(options, report);
  }
  if (report !== undefined) process.stdout.write(reportMarkdown(report));
}

function writeFiles({ jsonFile, markdownFile }: BenchOptions, report: Report): void {
  if (markdownFile !== undefined) writeFileSync(markdownFile, reportMarkdown(report));
  if (jsonFile !== undefined) writeFileSync(jsonFile, reportJson(report));
}

/** Seconds since the start, then what is being done. */
function say(text: string): void {
  process.stderr.write(`${(performance.now() / 1000).toFixed(0).padStart(4)} s  ${text}\n`);
}

main(process.argv.slice(2)).catch((error) => {
  process.stderr.write(`The bench failed. ${error instanceof Error ? error.message : error}\n`);
  process.exit(1);
});
