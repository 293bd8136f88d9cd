/** Everything an operator would check by hand, on one screen. */
import { keepOwnEnvironment } from '../src/config/environment.ts';
import { parseOptions } from './doctor/arguments.ts';
import { examine } from './doctor/examine.ts';
import { asJson, createPrinter, summaryOf } from './doctor/output.ts';
import { createScene } from './doctor/scene.ts';
import { createRedaction } from './doctor/secrets.ts';
import { readSources } from './doctor/sources.ts';
import { wordsIn } from './doctor/words.ts';
import { fail, readCommandLine } from './lib/command-line.ts';
import { languageOf } from './lib/language.ts';
import { statusOf } from './uploads/check.ts';

const COULD_NOT_CHECK = 2;
const STOPPED = 130;
const stop = new AbortController();

async function main(): Promise<void> {
  const words = wordsIn(languageOf(process.env));
  const options = readCommandLine(words.help, () => parseOptions(process.argv.slice(2), words));
  if (options === null) return;
  stopBySignals();
  const shell = { ...process.env };
  const sources = readSources(shell, { unitPath: options.unitPath, files: options.envFiles });
  keepOwnEnvironment(process.env);
  const printer = createPrinter(words, print);
  const results = await examine(createScene({ words, options, sources, shell }), {
    stop: stop.signal,
    redact: createRedaction(shell, sources.env),
    onResult: options.json ? () => undefined : printer.add,
  });
  printer.end();
  print(options.json ? asJson(results) : summaryOf(results, words));
  const status = stop.signal.aborted ? STOPPED : statusOf(results);
  // What was not waited for (a database that stands still) would hold the process.
  process.stdout.write('', () => process.exit(status));
}

/** The first ends it in order, with what was put removed; the second at once. */
function stopBySignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(STOPPED);
      stop.abort();
    });
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

// `| head` has read enough.
process.stdout.on('error', () => stop.abort());
main().catch((error) => fail(COULD_NOT_CHECK, error instanceof Error ? error.message : String(error)));
