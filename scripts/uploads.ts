/** The bucket checked and mended, what in it is nobody's, and the uploads as an admin sees them. */
import { type Config, parseUploadsConfig } from '../src/config/config.ts';
import type { DatabaseTarget } from '../src/config/database-url.ts';
import { keepOwnEnvironment } from '../src/config/environment.ts';
import { ConfigError, parseSetting } from '../src/config/read-settings.ts';
import { AppError } from '../src/errors.ts';
import { createEventWriter } from '../src/features/events/writer.ts';
import { operateUploads, type UploadOperator } from '../src/features/uploads/operator.ts';
import { parseUploadId } from '../src/features/uploads/schema.ts';
import { uploadNotFound } from '../src/features/uploads/upload.ts';
import { createObjectStorage, type ObjectStorage } from '../src/infra/object-storage/object-storage.ts';
import { createStorageClock, type StorageClock } from '../src/infra/object-storage/storage-clock.ts';
import { StorageFailure } from '../src/infra/object-storage/storage-failure.ts';
import { isSchemaMissing } from '../src/infra/postgres/failure.ts';
import { createUploadUsage } from '../src/upload-usage.ts';
import { fail, readCommandLine } from './lib/command-line.ts';
import { type Command, HELP, parseCommandLine } from './uploads/arguments.ts';
import { type CheckResult, statusOf } from './uploads/check.ts';
import { findOrphans, Refusal } from './uploads/orphans.ts';
import {
  describeOrphans,
  describeResult,
  pageAsJson,
  resultsAsJson,
  tabbed,
  uploadLine,
} from './uploads/output.ts';
import { checkStorage } from './uploads/storage-checks.ts';

const COULD_NOT_CHECK = 2;
const STOPPED = 130;
const stop = new AbortController();

async function main(): Promise<void> {
  const options = readCommandLine(HELP, () => parseCommandLine(process.argv.slice(2)));
  if (!options?.command) return;
  stopBySignals();
  const { command } = options;
  if (command.name === 'doctor') await doctor(command);
  else await withUploads(command);
  if (stop.signal.aborted) process.exitCode = STOPPED;
}

/** The first ends it in order, with what was put removed; the second at once. */
function stopBySignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(STOPPED);
      stop.abort();
    });
}

type Of<Name extends Command['name']> = Extract<Command, { readonly name: Name }>;

async function doctor({ origins, json, ...options }: Of<'doctor'>): Promise<void> {
  const onResult = json ? () => undefined : (result: CheckResult) => print(describeResult(result));
  const results = await diagnose();
  if (json) print(resultsAsJson(results));
  process.exitCode = statusOf(results);

  async function diagnose(): Promise<CheckResult[]> {
    const read = readSettings();
    if ('problems' in read) {
      const { status, problems } = read;
      const results = problems.map((text) => ({
        name: 'settings',
        status,
        text,
        remedy: 'docs/configuration.md',
      }));
      results.forEach(onResult);
      return results;
    }
    const { corsAllowOrigins, uploads, storage: config } = read;
    const pages = origins.length > 0 ? origins : corsAllowOrigins;
    return checkStorage({ ...options, config, uploads, origins: pages, stop: stop.signal, onResult });
  }
}

async function withUploads(command: Of<'orphans' | 'list' | 'take-down'>): Promise<void> {
  const read = readSettings();
  const target = readDatabase();
  if ('problems' in read) fail(COULD_NOT_CHECK, read.problems.join('\n'));
  if ('problems' in read || target === null) return;
  const clock = createStorageClock({ warn() {}, info() {} });
  const storage = createObjectStorage(read.storage, clock);
  const sink = createEventWriter(read.webhook !== null);
  const usage = createUploadUsage({ publicBaseUrl: read.storage.publicBaseUrl, sink });
  try {
    await operateUploads(target, { storage, sink, usage }, (uploads) =>
      act(command, uploads, storage, clock),
    );
  } finally {
    storage.close();
  }
}

async function act(
  command: Of<'orphans' | 'list' | 'take-down'>,
  uploads: UploadOperator,
  storage: ObjectStorage,
  clock: StorageClock,
): Promise<void> {
  if (command.name === 'orphans') await orphans(command, uploads, storage, clock);
  else if (command.name === 'take-down') await takeDown(command.id, uploads, storage);
  else {
    const page = await uploads.list(command.query, {});
    if (command.json) print(pageAsJson(page, storage.publicUrl));
    else {
      for (const row of page.rows) print(uploadLine(row));
      if (page.nextCursor !== null) tell(`More: --cursor ${page.nextCursor}`);
    }
  }
}

async function orphans(
  options: Of<'orphans'>,
  uploads: UploadOperator,
  storage: ObjectStorage,
  clock: StorageClock,
): Promise<void> {
  const report = await findOrphans({
    ...options,
    ...{ uploads, storage, clock, signal: stop.signal },
    onFound: (fields) => print(tabbed(fields)),
    onProgress: (objects) => {
      if (objects % 10_000 === 0) tell(`${objects} objects looked at …`);
    },
  });
  print(describeOrphans(report, options.delete));
  const left = report.orphans + report.finished - report.deleted + report.missing;
  process.exitCode = left > 0 ? 1 : 0;
}

async function takeDown(given: string, uploads: UploadOperator, storage: ObjectStorage): Promise<void> {
  const id = parseUploadId(given);
  if (id === null) throw uploadNotFound();
  const row = await uploads.takeDown(id);
  print(
    `Upload ${row.id} of user ${row.user_id} is deleted. A CDN may have it still: ${storage.publicUrl(row.key)}`,
  );
}

type Settings = ReturnType<typeof parseUploadsConfig> & { readonly storage: NonNullable<Config['storage']> };
interface Problems {
  readonly status: 'wrong' | 'could not check';
  readonly problems: readonly string[];
}

/** Of the environment nothing else is left for libraries. */
function readSettings(): Settings | Problems {
  try {
    const { storage, ...config } = parseUploadsConfig(process.env);
    if (storage !== null) return { ...config, storage };
    return {
      status: 'could not check',
      problems: ['Uploads are not configured: the S3_ settings are empty.'],
    };
  } catch (error) {
    if (error instanceof ConfigError) return { status: 'wrong', problems: error.problems };
    throw error;
  } finally {
    keepOwnEnvironment(process.env);
  }
}

function readDatabase(): DatabaseTarget | null {
  try {
    return parseSetting(process.env, 'DATABASE_URL');
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    fail(COULD_NOT_CHECK, error.message);
    return null;
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Everything that ends a command early. */
function failed(error: unknown): void {
  if (stop.signal.aborted) fail(STOPPED, 'Stopped.');
  else if (error instanceof AppError && error.status < 500) fail(1, error.message);
  else fail(COULD_NOT_CHECK, reasonOf(error));
}

function reasonOf(error: unknown): string {
  if (error instanceof Refusal) return error.message;
  if (!(error instanceof AppError)) return `Something went wrong: ${error}`;
  const cause = error.cause instanceof Error ? error.cause : error;
  if (isSchemaMissing(cause)) return 'There are no uploads yet: npm run migrate makes their table.';
  return `The ${error instanceof StorageFailure ? 'storage' : 'database'} did not do it: ${cause.message}`;
}

// `| head` has read enough.
process.stdout.on('error', () => stop.abort());
main().catch(failed);
