/**
 * `npm run fuzz`: mutated requests, responses and handshakes against the sidecar in a process of its own.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { MODES, type ModeName, newSeed, runFuzz } from './fuzz/run.ts';
import { endBySignals, namesFrom, numberFrom, readCommandLine } from './lib/command-line.ts';

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

const MODE_NAMES = Object.keys(MODES) as ModeName[];

function parseOptions() {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string' },
      mode: { type: 'string', default: 'all' },
      folder: { type: 'string', default: join(tmpdir(), 'sidecar-fuzz') },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const modes =
    values.mode === 'all'
      ? MODE_NAMES.filter((name) => name !== 'differential')
      : namesFrom('--mode', values.mode, MODE_NAMES);
  const seed = values.seed === undefined ? newSeed() : numberFrom('--seed', values.seed);
  const seconds = numberFrom('--seconds', values.seconds);
  return { help: values.help, seconds, seed, modes, findingsFolder: values.folder };
}

const options = readCommandLine(HELP, parseOptions);
if (options !== null) {
  endBySignals();
  const print = (text: string) => void process.stdout.write(text);
  const { cases, findings } = await runFuzz({ ...options, print });
  const found = findings.length === 0 ? 'nothing found' : `${findings.length} kinds of findings`;
  print(`${cases} cases, ${found}.\n`);
  process.exitCode = findings.length === 0 ? 0 : 1;
}
