/**
 * `npm run drill`: breaks things around a real sidecar while requests go on, and counts what the clients saw.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ALL_DRILLS } from './all-drills.ts';
import { isUvicornInstalled } from './backend-process.ts';
import { type Drill, type DrillReport, type DrillSettings, isPassed } from './drill.ts';
import { tableHead, tableRow } from './print.ts';

const HELP = `Usage: npm run drill [-- [--seconds N] [--only NAME,...] [--uvicorn] [--json FILE] [--list] [--help]]

Runs fault drills against a real sidecar process under a constant load. Exit status 1 when a drill fails.

  --seconds N      load of about N seconds in each drill (default 10)
  --only NAME,...  only these drills
  --uvicorn        uvicorn as the backend (Debian's packages uvicorn and python3-websockets)
  --json FILE      write the reports to a file, too
  --list           name the drills and end
  --help           this text

The columns:
  sent      requests that the clients sent
  answered  2xx, whole and right
  refused   502, 503 or 504 with a sentence
  failed    anything else that the drill did not ask for: cut, wrong body, no answer, another status
  raced     sent on an idle connection that closed at that moment; GETs were sent again, as Nginx does
  doubled   POSTs that reached the backend twice
  recovery  longest time from the end of a fault to the next right answer
`;

interface Arguments extends DrillSettings {
  readonly drills: readonly Drill[];
  readonly jsonPath: string | undefined;
}

async function main(): Promise<void> {
  const args = readArguments();
  if (args === null) return;
  // The children are killed when this process ends (child.ts).
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
  const reports: Record<string, DrillReport> = {};
  process.stdout.write(tableHead());
  for (const drill of args.drills) {
    const report = await drill.run(args);
    reports[drill.name] = report;
    process.stdout.write(tableRow(drill, report));
    if (!report.figures.every(isPassed)) process.exitCode = 1;
  }
  if (args.jsonPath !== undefined) writeFileSync(args.jsonPath, `${JSON.stringify(reports, null, 2)}\n`);
}

/** null: nothing is to be run, and what there was to say has been said. */
function readArguments(): Arguments | null {
  try {
    const values = parsedArguments();
    if (values.help || values.list) {
      process.stdout.write(values.help ? HELP : listOfDrills());
      return null;
    }
    const drills = values.only === undefined ? ALL_DRILLS : values.only.split(',').map(drillNamed);
    const backend = values.uvicorn ? 'uvicorn' : 'node';
    return { seconds: secondsFrom(values.seconds), backend, drills, jsonPath: values.json };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${HELP}`);
    process.exitCode = 2;
    return null;
  }
}

/** @throws Error with a sentence */
function parsedArguments() {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '10' },
      only: { type: 'string' },
      uvicorn: { type: 'boolean', default: false },
      json: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.uvicorn && !isUvicornInstalled()) {
    throw new Error('uvicorn or websockets is not installed for /usr/bin/python3.');
  }
  return values;
}

function secondsFrom(text: string): number {
  const seconds = Number(text);
  if (seconds >= 1 && seconds <= 3_600) return seconds;
  throw new Error('--seconds must be a number from 1 to 3600.');
}

const listOfDrills = (): string =>
  ALL_DRILLS.map(({ name, summary }) => `${name.padEnd(28)}${summary}\n`).join('');

function drillNamed(name: string): Drill {
  const drill = ALL_DRILLS.find((one) => one.name === name);
  if (drill === undefined) throw new Error(`There is no drill "${name}"; --list names them.`);
  return drill;
}

await main();
