/**
 * Is the bucket as uploads need it? Done as a client and a browser do it: signed, sent, looked at, read, and removed again
 * whatever happens. `npm run uploads -- doctor` prints what this returns.
 */
import { randomUUID } from 'node:crypto';
import type { Config, StorageConfig } from '../../src/config/config.ts';
import { createObjectStorage, type ObjectStorage } from '../../src/infra/object-storage/object-storage.ts';
import { createStorageClock, type StorageClock } from '../../src/infra/object-storage/storage-clock.ts';
import { UPLOADS } from './bucket-rules.ts';
import { type Check, type CheckOptions, type CheckResult, ok, runChecks, unchecked, wrong } from './check.ts';
import { PUBLIC_URL } from './check-public-url.ts';
import { LIFECYCLE, PAGES } from './check-rules.ts';
import { CHECKSUM, ONCE, PARTS, SIGNED, STORED, UPLOAD } from './check-upload.ts';
import { cleanUp } from './clean-up.ts';
import { explainFailure } from './remedies.ts';

export interface StorageChecksOptions extends Pick<CheckOptions, 'stepTimeoutMs' | 'stop' | 'onResult'> {
  readonly config: StorageConfig;
  readonly uploads: Pick<Config['uploads'], 'cacheControl' | 'once' | 'multipartTtlSeconds'>;
  /** Of the web pages that upload; `*`: nobody has said which. */
  readonly origins: '*' | readonly string[];
  /** Add the rules that the bucket lacks. */
  readonly fix: boolean;
  /** false: nothing is put, and what only an upload can show is left out. */
  readonly upload?: boolean;
}

/** What the checks share. */
export interface Scene extends Pick<StorageChecksOptions, 'config' | 'uploads' | 'origins' | 'fix'> {
  readonly storage: ObjectStorage;
  readonly clock: StorageClock;
  /** What is being put: it has an end even if everything is stopped, so that it is known what has to be removed. */
  untilPut(): AbortSignal;
  /** A new key, which is removed at the end. */
  newKey(): string;
  /** Is given up at the end. */
  begun(key: string, uploadId: string): void;
  /** The first object: how it was signed, and whether the public URL gives it back. */
  readonly first: {
    readonly key: string;
    headers: Readonly<Record<string, string>>;
    url: string;
    isPublic: boolean;
    /** Does the bucket keep versions of it? */
    isVersioned: boolean;
  };
}

/** In order, each with a name, whether it is ok, what was seen and how to mend it. @throws only on a defect of ours */
export async function checkStorage(options: StorageChecksOptions): Promise<CheckResult[]> {
  const { config, stepTimeoutMs } = options;
  const isReadOnly = options.upload === false;
  const clock = createStorageClock({ warn() {}, info() {} });
  const storage = createObjectStorage(config, clock);
  const keys: string[] = [];
  const multiparts: [key: string, uploadId: string][] = [];
  const newKey = () => {
    keys.push(`${UPLOADS}0/doctor/${randomUUID()}.png`);
    return keys.at(-1) ?? '';
  };
  const scene: Scene = {
    ...options,
    storage,
    clock,
    untilPut: () => AbortSignal.timeout(stepTimeoutMs),
    newKey,
    begun: (...multipart) => multiparts.push(multipart),
    first: { key: newKey(), headers: {}, url: '', isPublic: false, isVersioned: false },
  };
  const explain = (error: unknown) => explainFailure(error, config);
  let results: CheckResult[] = [];
  try {
    results = await runChecks(isReadOnly ? READ_ONLY : CHECKS, scene, { ...options, explain });
  } finally {
    // Where nothing was ever answered, nothing was put.
    if (!isReadOnly && (results[0]?.status === 'ok' || results.length === 0)) {
      const clean = cleanUp(keys, multiparts);
      results.push(...(await runChecks([clean], scene, { ...options, stop: NEVER, explain })));
    }
    storage.close();
  }
  return results;
}

const NEVER = new AbortController().signal;

const CONNECTION: Check<Scene> = {
  name: 'connection',
  needs: [],
  async run({ config, storage, first }, signal) {
    const found = await storage.readStart(first.key, 1, signal);
    const where = `${config.endpoint}, bucket ${config.bucket}, region ${config.region}`;
    if (found !== null) return wrong(`${where}: it has an object that nobody put`, 'Is it an S3 storage?');
    return ok(`${where}: it takes the key`);
  },
};

/** From here on the sidecar's own log warns, too. */
const CLOCK_MS = 60_000;

const CLOCK: Check<Scene> = {
  name: 'clock',
  needs: ['connection'],
  async run({ clock }) {
    if (clock.isContradicted())
      return wrong('more than a day away from the storage', 'Set the clock of this machine (NTP).');
    if (!clock.isKnown()) return unchecked('the storage does not say what time it is');
    const aheadMs = Date.now() - clock.now();
    const seconds = Math.round(Math.abs(aheadMs) / 1000);
    if (Math.abs(aheadMs) <= CLOCK_MS) return ok('as the storage has it, within a minute');
    return wrong(
      `${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} the storage; the sidecar signs by the storage's clock, so uploads work`,
      'Set the clock of this machine (NTP): tokens and other programs go by it.',
    );
  },
};

const CHECKS = [
  ...[CONNECTION, CLOCK, UPLOAD, STORED, PUBLIC_URL],
  ...[PAGES, PARTS, ONCE, CHECKSUM, LIFECYCLE],
];

/** A preflight needs a signed URL, and nothing at it. */
const READ_ONLY = [CONNECTION, CLOCK, SIGNED, { ...PAGES, needs: [SIGNED.name] }, LIFECYCLE];
