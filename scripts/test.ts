/**
 * `npm test`: every test file, or the ones named. Before all of them it says what this machine lacks, so that a skipped
 * part is never mistaken for a tested one. It comes to an end whatever a test does, and nothing that a test started outlives it.
 */
import { globSync } from 'node:fs';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { parseArgs } from 'node:util';
import { CLUSTERS_TO_COPY, POSTGRES_TO_RUN } from './lab/postgres.ts';
import { makeScratchFolder } from './lab/scratch-folder.ts';
import { missingTools, outputOf } from './lab/tools.ts';
import { numberFrom, readCommandLine } from './lib/command-line.ts';
import { watchTestProcesses } from './test/processes.ts';
import { watchProgress } from './test/progress.ts';

/** For a test that hangs: the longest of the others takes a minute, and several on a machine with much else to do. */
const DEADLINE_S = 240;

const HELP = `Usage: npm test [-- [--coverage] [--only NAME] [--postgres FOLDER] [--timeout SECONDS]
                [FILE or FOLDER ...]]

Runs the tests: real PostgreSQL (embedded, or yours), a verifying object store, real sockets. Without files, all of them.

  --coverage         print the coverage of src/
  --only NAME        only tests whose name matches this regular expression
  --postgres FOLDER  run the PostgreSQL whose programs are there (/usr/lib/postgresql/15/bin), not the embedded one
  --timeout SECONDS  how long one test may take (default ${DEADLINE_S}); one that hangs is named with what it waits for
  --help             this text

What is not installed (nginx, uvicorn, radosgw ...) is named and skipped; with REQUIRE_E2E=1 it fails instead. A process
that a test leaves behind is named and ended, and the run has failed.
`;

/** What reads a fetch()'s answers is WebAssembly, and to optimise it takes a tenth of what a short file takes at all. */
const QUICK = ['--liftoff-only'];

const PROJECT = resolve(import.meta.dirname, '..');
/** Two cores, and most tests wait more than they compute. */
const FILES_AT_ONCE = 4;

async function main(): Promise<void> {
  const args = readCommandLine(HELP, parseOptions);
  if (args === null) return;
  const missing = args.isEverything ? missingTools() : [];
  if (missing.length > 0) process.stdout.write(`Not installed here: ${missing.join(', ')}.\n`);
  if (args.postgres !== undefined) runOn(args.postgres);
  // Not process.exitCode alone: what a process that escaped us holds open would keep this one.
  process.exit((await runTests(args)) ? 0 : 1);
}

/** Says which server it is; a folder without one ends us. */
function runOn(folder: string): void {
  const version = outputOf(join(folder, 'postgres'), '--version');
  if (version === undefined) {
    process.stderr.write(`There is no PostgreSQL that runs in ${folder}.\n`);
    process.exit(2);
  }
  process.stdout.write(`${version.trim()} of ${folder}\n`);
  process.env[POSTGRES_TO_RUN] = folder;
}

/** @returns whether all passed and nothing was left behind */
async function runTests({
  files,
  coverage,
  only,
  timeoutMs,
}: ReturnType<typeof parseOptions>): Promise<boolean> {
  let isFine = true;
  process.env[CLUSTERS_TO_COPY] = makeScratchFolder('clusters').path;
  // Two hundred files load the same modules: compiled once they take a third less CPU. V8 counts no coverage in what it had cached.
  if (!coverage) process.env.NODE_COMPILE_CACHE ??= makeScratchFolder('compiled').path;
  const complain = (sentence: string) => {
    isFine = false;
    process.stdout.write(`${sentence}\n`);
  };
  const processes = watchTestProcesses(files, ({ file, pid, command }) =>
    complain(`${file} left process ${pid} behind: ${command}`),
  );
  const settings = new URLSearchParams({
    timeoutMs: String(timeoutMs),
    ...(only === undefined ? {} : { only }),
  });
  const aborting = new AbortController();
  const tests = run({
    signal: aborting.signal,
    files: [...files],
    cwd: PROJECT,
    concurrency: FILES_AT_ONCE,
    timeout: timeoutMs,
    execArgv: [...QUICK, '--import', `${import.meta.resolve('./test/watchdog.ts')}?${settings}`],
    coverage,
    ...(coverage ? { coverageIncludeGlobs: ['src/**'] } : {}),
    ...(only === undefined ? {} : { testNamePatterns: [only] }),
  });
  const progress = watchProgress(tests, { files, folder: PROJECT, timeoutMs }, (file, sentence) => {
    complain(sentence);
    processes.kill(file);
  });
  const stopped = endWhenTold(async () => {
    for (const place of progress.underWay()) process.stdout.write(`Stopped in ${place}\n`);
    // First: it has to see whose child is whose.
    const ended = processes.end();
    aborting.abort();
    await ended;
  });
  tests.on('test:summary', ({ success }) => {
    isFine &&= success;
  });
  // Once it stops there are only failures of files that could not run.
  for await (const text of tests.compose(new spec())) if (!stopped()) process.stdout.write(text);
  await stopped();
  await processes.settled();
  return isFine;
}

/** On a signal, or when nobody reads the output any more. @returns asked, the end that is under way */
function endWhenTold(end: () => Promise<void>): () => Promise<never> | undefined {
  let ending: Promise<never> | undefined;
  const endWith = (status: number) => {
    ending ??= end().then(() => process.exit(status));
  };
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => endWith(128 + constants.signals[signal]));
  process.stdout.on('error', () => endWith(1));
  return () => ending;
}

function parseOptions() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      coverage: { type: 'boolean', default: false },
      only: { type: 'string' },
      postgres: { type: 'string' },
      timeout: { type: 'string', default: String(DEADLINE_S) },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const { coverage, only, help } = values;
  const files = filesOf(positionals);
  if (files.length === 0) throw new Error(`No test files at ${positionals.join(', ')}.`);
  const timeoutMs = numberFrom('--timeout', values.timeout, { least: 1, most: 3_600 }) * 1_000;
  const postgres = values.postgres === undefined ? {} : { postgres: resolve(values.postgres) };
  return { help, isEverything: positionals.length === 0, files, coverage, only, timeoutMs, ...postgres };
}

function filesOf(paths: readonly string[]): string[] {
  const patterns = paths.length === 0 ? ['test'] : paths;
  return patterns
    .flatMap((path) => (path.endsWith('.ts') ? [path] : globSync(`${path}/**/*.test.ts`, { cwd: PROJECT })))
    .toSorted();
}

await main();
