/**
 * `npm test`: every test file, or the ones named. Says first what this machine lacks, so that a skipped part is never
 * mistaken for a tested one.
 */
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { resolve } from 'node:path';
import { missingTools } from '../test/support/requirements.ts';

const HELP = `Usage: npm test [-- [--coverage] [--only NAME] [FILE or FOLDER ...]]

Runs the tests: real PostgreSQL (embedded), a verifying object store, real sockets. Without files, all of them.

  --coverage    print the coverage of src/
  --only NAME   only tests whose name matches this regular expression
  --help        this text

What is not installed (nginx, uvicorn, radosgw ...) is named and skipped; with REQUIRE_E2E=1 it fails instead.
`;

const PROJECT = resolve(import.meta.dirname, '..');
/** Two cores, and most tests wait more than they compute. */
const FILES_AT_ONCE = 3;
/** A test that hangs must not hang the run, ms. */
const TEST_TIMEOUT_MS = 180_000;

function main(args: readonly string[]): void {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(HELP);
    return;
  }
  const { flags, paths } = readArguments(args);
  const files = filesOf(paths);
  if (files.length === 0) {
    process.stderr.write(`No test files at ${paths.join(', ')}.\n`);
    process.exitCode = 2;
    return;
  }
  const missing = missingTools();
  if (missing.length > 0) process.stdout.write(`Not installed here: ${missing.join(', ')}.\n`);
  const child = spawn(
    process.execPath,
    [
      '--test',
      '--test-reporter=spec',
      `--test-concurrency=${FILES_AT_ONCE}`,
      `--test-timeout=${TEST_TIMEOUT_MS}`,
      ...flags,
      ...files,
    ],
    { cwd: PROJECT, stdio: 'inherit' },
  );
  // Ctrl-C reaches the child as well; its exit status is ours.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  child.once('exit', (status) => {
    process.exitCode = status ?? 1;
  });
}

function readArguments(args: readonly string[]): { flags: string[]; paths: string[] } {
  const flags: string[] = [];
  const paths: string[] = [];
  for (let i = 0; i < args.length; i += 1) {
    const arg = args[i] ?? '';
    if (arg === '--coverage') {
      flags.push('--experimental-test-coverage', '--test-coverage-include=src/**');
    } else if (arg === '--only') {
      i += 1;
      flags.push(`--test-name-pattern=${args[i] ?? ''}`);
    } else {
      paths.push(arg);
    }
  }
  return { flags, paths };
}

function filesOf(paths: readonly string[]): string[] {
  const patterns = paths.length === 0 ? ['test'] : paths;
  return patterns
    .flatMap((path) => (path.endsWith('.ts') ? [path] : globSync(`${path}/**/*.test.ts`, { cwd: PROJECT })))
    .toSorted();
}

main(process.argv.slice(2));
