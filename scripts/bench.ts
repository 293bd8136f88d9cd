/**
 * `npm run bench`: the sidecar beside other proxies. Order: arguments, contenders, workloads, report.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Contender } from './bench/contenders/contender.ts';
import { floors } from './bench/contenders/floors.ts';
import { installPeers } from './bench/contenders/install-peers.ts';
import { NATIVE_PEERS, nativePeers } from './bench/contenders/native-peers.ts';
import { nodePeers } from './bench/contenders/node-peers.ts';
import { sidecar } from './bench/contenders/sidecar.ts';
import { describeMachine } from './bench/describe-machine.ts';
import type { LoadCommand, LoadResult } from './bench/load/messages.ts';
import { profileSidecar } from './bench/profile/profile-sidecar.ts';
import { type Report, reportJson, reportMarkdown } from './bench/report/report.ts';
import { workloads } from './bench/workloads/all-workloads.ts';
import type { Bench, WorkloadResult } from './bench/workloads/workload.ts';
import { chooseCores } from './lab/cores.ts';
import { cpuClock, hasProc } from './lab/proc.ts';
import { startWorker } from './lab/worker.ts';
import { endBySignals, namesFrom, numberFrom, readCommandLine } from './lib/command-line.ts';

const WORKLOADS = Object.keys(workloads) as (keyof typeof workloads)[];
const PEERS = [...[...nodePeers, ...floors].map(({ name }) => name), ...NATIVE_PEERS];

const HELP = `Usage: npm run bench -- [options]

Measures the sidecar side by side with other proxies: CPU time of the proxy per request, on one core of its own, medians
over interleaved rounds. Takes five to eight minutes; progress on stderr, the tables on stdout.

  --rounds N         rounds per workload (default 5)
  --quick            a smoke run of under a minute: small windows, one round; its figures are noise
  --only LIST        workloads, comma-separated: ${WORKLOADS.join(', ')} (default: all)
  --peers LIST       peers beside the sidecar: ${PEERS.join(', ')} (default: all)
  --json FILE        write everything measured to FILE, after each workload
  --markdown FILE    write the tables to FILE as well, after each workload
  --profile          no comparison: the sidecar under \`node --cpu-prof\` with small GETs (or \`--only POST\`), and where its
                     time goes
  --help             this text

The Node peers are installed into .dev/bench on first use; nginx and haproxy take part when they are installed. \`floor\` and
\`floor-http\` are the least that Node can do: bytes from socket to socket, and the same behind a server of node:http.
The five million reviews of \`reviews\` are made on first use and stay in sidecar-bench-reviews below the temporary folder (4 GB).
\`console\` looks at its page in Chromium and is left out where that is not installed.
Exit status: 0 measured, 1 a proxy failed or answered wrongly, 2 wrong arguments, 130 stopped by Ctrl-C.
`;

interface Options {
  readonly rounds: number;
  readonly quick: boolean;
  readonly only: readonly (keyof typeof workloads)[];
  readonly peers: readonly string[];
  readonly json: string | undefined;
  readonly markdown: string | undefined;
  readonly profile: boolean;
  readonly help: boolean;
}

/** @throws Error with a sentence for the first argument that is wrong */
function parseOptions(): Options {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      peers: { type: 'string' },
      json: { type: 'string' },
      markdown: { type: 'string' },
      profile: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const { json, markdown } = values;
  return {
    ...values,
    json,
    markdown,
    rounds: numberFrom('--rounds', values.rounds ?? (values.quick ? '1' : '5'), { least: 1, most: 100 }),
    only: namesFrom('--only', values.only, WORKLOADS),
    peers: namesFrom('--peers', values.peers, PEERS),
  };
}

async function main(): Promise<void> {
  const options = readCommandLine(HELP, parseOptions);
  if (options === null) return;
  if (!hasProc) throw new Error('The bench reads CPU times from /proc: it needs Linux.');
  endBySignals();
  const bench = await prepare(options);
  if (options.profile)
    process.stdout.write(await profileSidecar(bench, options.only[0] === 'POST' ? 'POST' : 'GET'));
  else await compare(options, bench);
  process.exit();
}

/** What is held against something else needs no other proxies. */
const HAVE_PEERS_OF_THEIR_OWN: readonly string[] = ['routes', 'uploads', 'due', 'reviews', 'console'];

async function prepare({ profile, peers, rounds, quick, only }: Options): Promise<Bench> {
  const cores = chooseCores();
  say(cores.note);
  const isAlone = profile || only.every((name) => HAVE_PEERS_OF_THEIR_OWN.includes(name));
  const contenders = isAlone ? [sidecar] : chooseContenders(peers);
  if (nodePeers.some((peer) => contenders.includes(peer))) installPeers(say);
  const core = { core: cores.load };
  const upstream = startWorker<object, { port: number }>(
    import.meta.resolve('./bench/upstream/upstream.ts'),
    core,
  );
  const { port } = await upstream.do({});
  const load = startWorker<LoadCommand, LoadResult>(
    import.meta.resolve('./bench/load/load-generator.ts'),
    core,
  );
  return { contenders, rounds, quick, upstream: { pid: upstream.pid, port }, load, cores, say };
}

const chooseContenders = (peers: readonly string[]): Contender[] => [
  sidecar,
  ...[...nodePeers, ...floors].filter(({ name }) => peers.includes(name)),
  ...nativePeers(peers, say),
];

async function compare(options: Options, bench: Bench): Promise<void> {
  const { contenders, rounds, quick } = bench;
  const date = new Date().toISOString().slice(0, 10);
  const conditions = { date, machine: describeMachine(), pinning: bench.cores.note, cpuClock, rounds, quick };
  const startedAt = performance.now();
  const results: WorkloadResult[] = [];
  let report: Report | undefined;
  for (const name of options.only) {
    results.push(...(await workloads[name](bench)));
    report = { ...conditions, seconds: (performance.now() - startedAt) / 1000, contenders, results };
    // After each workload: what a later one breaks or Ctrl-C cuts off is not lost.
    if (options.markdown !== undefined) writeFileSync(options.markdown, reportMarkdown(report));
    if (options.json !== undefined) writeFileSync(options.json, reportJson(report));
  }
  if (report !== undefined) process.stdout.write(reportMarkdown(report));
}

/** Seconds since the start, then what is being done. */
function say(text: string): void {
  process.stderr.write(`${(performance.now() / 1000).toFixed(0).padStart(4)} s  ${text}\n`);
}

main().catch((error) => {
  process.stderr.write(`The bench failed. ${error instanceof Error ? error.message : error}\n`);
  process.exit(1);
});
