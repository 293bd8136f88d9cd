/**
 * `npm run drill`: breaks things around a real sidecar while requests go on, and counts what the clients saw.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ALL_DRILLS } from './drill/all-drills.ts';
import { isUvicornInstalled } from './drill/backend-process.ts';
import { type DrillReport, type DrillSettings, isPassed } from './drill/drill.ts';
import { tableHead, tableRow } from './drill/print.ts';
import { missingTools } from './lab/tools.ts';
import { endBySignals, namesFrom, numberFrom, readCommandLine } from './lib/command-line.ts';

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

function parseOptions() {
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
  const names = ALL_DRILLS.map(({ name }) => name);
  const only = namesFrom('--only', values.only, names);
  return { ...values, only, seconds: numberFrom('--seconds', values.seconds, { least: 1, most: 3_600 }) };
}

async function main(): Promise<void> {
  const options = readCommandLine(HELP, parseOptions);
  if (options === null) return;
  if (options.list) {
    for (const { name, summary } of ALL_DRILLS) process.stdout.write(`${name.padEnd(28)}${summary}\n`);
    return;
  }
  endBySignals();
  const settings: DrillSettings = { seconds: options.seconds, backend: options.uvicorn ? 'uvicorn' : 'node' };
  const reports: Record<string, DrillReport> = {};
  process.stdout.write(tableHead());
  for (const drill of ALL_DRILLS.filter(({ name }) => options.only.includes(name))) {
    const missing = missingTools(drill.needs ?? []);
    if (missing.length > 0) {
      process.stdout.write(`${drill.name}: not installed: ${missing.join(', ')}\n`);
      process.exitCode = 1;
      continue;
    }
    const report = await drill.run(settings);
    reports[drill.name] = report;
    process.stdout.write(tableRow(drill, report));
    if (!report.figures.every(isPassed)) process.exitCode = 1;
  }
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(reports, null, 2)}\n`);
}

await main();
