/**
 * The command line of `npm run bench`.
 */
import { parseArgs } from 'node:util';

export const WORKLOADS = ['GET', 'log', 'POST', 'latency', 'bulk', 'websocket', 'idle', 'startup'] as const;
export type WorkloadName = (typeof WORKLOADS)[number];

export const PEERS = ['hpm', 'hpm-agent', 'fastify', 'fast-proxy', 'pipe', 'nginx', 'haproxy'] as const;
export type PeerName = (typeof PEERS)[number];

export const HELP = `Usage: npm run bench -- [options]

Measures the sidecar side by side with other proxies: CPU time of the proxy per request, on one core of its own, medians
over interleaved rounds. Takes five to eight minutes; progress on stderr, the tables on stdout.

  --rounds N         rounds per workload (default 5)
  --quick            a smoke run of under a minute: small windows, one round; its figures are noise
  --only LIST        workloads, comma-separated: ${WORKLOADS.join(', ')} (default: all)
  --peers LIST       peers beside the sidecar: ${PEERS.join(', ')} (default: all)
  --json FILE        write everything measured to FILE, after each workload
  --markdown FILE    write the tables to FILE as well, after each workload
  --profile          no comparison: the sidecar under \`node --cpu-prof\` with small GETs, and where its time goes
  --help             this text

The Node peers are installed into .dev/bench on first use. nginx and haproxy take part when they are installed.
Exit status: 0 measured, 1 a proxy failed or answered wrongly, 2 wrong arguments, 130 stopped by Ctrl-C.
`;

export interface BenchOptions {
  readonly rounds: number;
  readonly quick: boolean;
  readonly workloads: readonly WorkloadName[];
  readonly peers: readonly PeerName[];
  readonly jsonFile: string | undefined;
  readonly markdownFile: string | undefined;
  readonly profile: boolean;
  readonly help: boolean;
}

const DEFAULT_ROUNDS = 5;

/** @throws Error with a sentence for the first argument that is wrong */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
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
  return {
    rounds: parseRounds(values.rounds ?? String(values.quick ? 1 : DEFAULT_ROUNDS)),
    quick: values.quick,
    workloads: parseList('--only', values.only, WORKLOADS),
    peers: parseList('--peers', values.peers, PEERS),
    jsonFile: values.json,
    markdownFile: values.markdown,
    profile: values.profile,
    help: values.help,
  };
}

function parseRounds(text: string): number {
  const rounds = Number(text);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100) {
    throw new Error('--rounds must be a whole number from 1 to 100.');
  }
  return rounds;
}

/** The known names that are listed, in the order of `known`; all of them without a list. */
function parseList<Name extends string>(
  option: string,
  text: string | undefined,
  known: readonly Name[],
): readonly Name[] {
  if (text === undefined) return known;
  const wanted = text.split(',').map((name) => name.trim().toLowerCase());
  const unknown = wanted.find((name) => !known.some((candidate) => candidate.toLowerCase() === name));
  if (unknown !== undefined) {
    throw new Error(`${option} does not know "${unknown}"; it knows ${known.join(', ')}.`);
  }
  return known.filter((name) => wanted.includes(name.toLowerCase()));
}
