/**
 * `npm run fuzz`: mutated requests, responses and handshakes against the sidecar in a process of its own.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { newSeed } from './random.ts';
import { MODES, type ModeName, runFuzz } from './run.ts';

const HELP = `Usage: npm run fuzz -- [--seconds N] [--seed N] [--mode MODE]

Sends mutated HTTP to the sidecar, which runs as in production in front of a scripted backend, and checks that the
backend never sees what no client sent, that every client gets its own answer, whole or visibly cut, and that the
process lives on without holding more descriptors or memory.

  --seconds N   how long, for all modes together (60)
  --seed N      repeat a run; without it the seed is random, and printed
  --mode MODE   requests, responses, handshakes, differential or all (all)
  --folder DIR  where failing inputs are saved (a folder for temporary files)
  --help        this text

"differential" sends the same mutated requests through nginx and lists where its backend saw something different; it
fails only when the sidecar's backend saw a request too many. "all" are the other three.
Exit status: 0 when everything held, 1 when something was found, 2 for wrong arguments.
`;

const DEFAULT_SECONDS = 60;

function readArguments() {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: String(DEFAULT_SECONDS) },
      seed: { type: 'string' },
      mode: { type: 'string', default: 'all' },
      folder: { type: 'string', default: join(tmpdir(), 'sidecar-fuzz') },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const seconds = wholeNumber('seconds', values.seconds);
  const seed = values.seed === undefined ? newSeed() : wholeNumber('seed', values.seed);
  if (values.mode !== 'all' && !(values.mode in MODES)) throw new Error(`Unknown mode ${values.mode}.`);
  const modes: ModeName[] =
    values.mode === 'all' ? ['requests', 'responses', 'handshakes'] : [values.mode as ModeName];
  return { help: values.help, seconds, seed, modes, findingsFolder: values.folder };
}

function wholeNumber(name: string, value: string): number {
  if (!/^\d{1,10}$/.test(value)) throw new Error(`--${name} must be a whole number.`);
  return Number(value);
}

async function main(): Promise<number> {
  let options: ReturnType<typeof readArguments>;
  try {
    options = readArguments();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`);
    return 2;
  }
  const print = (text: string) => void process.stdout.write(text);
  if (options.help) {
    print(HELP);
    return 0;
  }
  const { cases, findings } = await runFuzz({ ...options, print });
  print(
    findings.length === 0
      ? `${cases} cases, nothing found.\n`
      : `${cases} cases, ${findings.length} kinds of findings.\n`,
  );
  return findings.length === 0 ? 0 : 1;
}

process.exitCode = await main();
