/** How one file gets to the storage: what is said to the API, what to the storage, and in which order. */
import type { Upload, UploaderOptions, UploadOptions } from './upload.ts';
import { callApi, putBytes, UploadError } from './upload-http.ts';
import { retrying } from './upload-retry.ts';

export interface Job {
  readonly options: UploaderOptions;
  readonly file: File;
  readonly how: UploadOptions;
  /** What is under way, as far as it is known here. */
  begun: Begun | null;
}

interface Target {
  readonly upload_url: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A single PUT is one part, number 1, that is all of the file. */
interface Part extends Target {
  readonly part_number: number;
}

interface Division {
  readonly part_size: number;
  readonly part_count: number;
  readonly parts: readonly Part[];
}

type Issued = { readonly upload_id: string } & (
  | (Target & { readonly multipart?: never })
  | { readonly multipart: Division }
);

/** What is kept in the store. */
interface Begun {
  readonly id: string;
  /** null: a single PUT. */
  readonly partSize: number | null;
}

/** The upload when it is ready; otherwise the parts that are missing, and what the server said of it. */
type State = Upload | { readonly missing: readonly number[]; readonly error?: unknown };

const MULTIPART_FROM_BYTES = 16 * 2 ** 20;
/** At most 100. */
const URLS_PER_CALL = 20;
const PARTS_AT_ONCE = 3;
/** How often parts may be missing that the storage had taken. */
const ROUNDS = 3;

/** The same file is known again by these, after a reload as well. */
const nameOf = ({ options: { apiUrl }, how: { kind }, file: { name, size, lastModified } }: Job) =>
  ['upload', apiUrl, kind, name, size, lastModified].join(':');

async function recall(job: Job): Promise<Begun | null> {
  job.begun ??= JSON.parse((await job.options.store?.getItem(nameOf(job))) ?? 'null');
  return job.begun;
}

async function remember(job: Job, begun: Begun): Promise<void> {
  job.begun = begun;
  await job.options.store?.setItem(nameOf(job), JSON.stringify(begun));
}

async function forget(job: Job): Promise<void> {
  job.begun = null;
  await job.options.store?.removeItem(nameOf(job));
}

const codeOf = (error: unknown) => (error instanceof UploadError ? error.facts.code : '');

/**
 * Goes on from wherever it was, until the upload is ready or `stretch` ends.
 * @returns null when what had been begun is over by now: the next time begins anew
 */
export async function goOn(job: Job, stretch: AbortController): Promise<Upload | null> {
  const { begin, complete, finish } = createSender(job, stretch);
  const begun = await recall(job);
  try {
    return begun === null ? await begin() : await finish(begun, await complete(begun));
  } catch (error) {
    const isOver = ['expired', 'deleted', 'not_found'].includes(codeOf(error));
    if (isOver || codeOf(error) === 'rejected') await forget(job);
    if (isOver && begun !== null) return null;
    throw error;
  }
}

/** Nothing of it stays, neither here nor there. @throws UploadError */
export async function discard(job: Job): Promise<void> {
  const begun = await recall(job);
  if (begun === null) return;
  const remove = () => callApi(job.options, 'DELETE', `/${begun.id}`);
  await retrying(remove, new AbortController().signal, job.options).catch((error) => {
    // There is nothing to delete.
    if (![404, 409].includes(error.facts?.status)) throw error;
  });
  await forget(job);
}

function createSender(job: Job, stretch: AbortController) {
  const { options, file, how } = job;
  const patiently = <T>(work: (failures: number) => Promise<T>) => retrying(work, stretch.signal, options);

  async function begin(): Promise<Upload> {
    const { kind, contentType = file.type } = how;
    const { multipart = kind.endsWith('_video') && file.size > MULTIPART_FROM_BYTES } = how;
    const about = { kind, filename: file.name, content_type: contentType, size_bytes: file.size };
    const asked = multipart ? { ...about, multipart } : about;
    // When its answer is lost, another one is begun, and this one expires.
    const issued = await patiently(() => callApi<Issued>(options, 'POST', '', asked));
    const { part_size: partSize = null, part_count: count = 1 } = issued.multipart ?? {};
    const begun = { id: issued.upload_id, partSize };
    await remember(job, begun);
    const parts = issued.multipart === undefined ? [{ ...issued, part_number: 1 }] : issued.multipart.parts;
    return finish(begun, { missing: Array.from({ length: count }, (_, index) => index + 1) }, parts);
  }

  /** Sends what is missing and completes, until nothing is missing. @param known URLs that are there already */
  async function finish(begun: Begun, state: State, known: readonly Part[] = []): Promise<Upload> {
    let now = state;
    for (let round = 1; 'missing' in now; round += 1) {
      if (round > ROUNDS) throw now.error;
      await send(begun, now.missing, round === 1 ? known : []);
      now = await complete(begun);
    }
    await forget(job);
    return now;
  }

  /** The end, and also the question how far it is: whatever answer was lost, this one makes up for it. */
  const complete = ({ id }: Begun): Promise<State> =>
    patiently(() => callApi<Upload>(options, 'POST', `/${id}/complete`)).catch((error) => {
      if (codeOf(error) !== 'not_uploaded') throw error;
      return { missing: error.facts.fields.missing ?? [1], error };
    });

  async function send({ id, partSize }: Begun, missing: readonly number[], known: readonly Part[]) {
    const bytesOf = (part: number) =>
      partSize === null ? file : file.slice((part - 1) * partSize, part * partSize);
    const note = progressOf(missing, (part) => bytesOf(part).size);
    const urlsFor = async (parts: readonly number[]): Promise<readonly Part[]> => {
      if (partSize === null)
        return [{ ...(await callApi<Target>(options, 'POST', `/${id}/url`)), part_number: 1 }];
      const json = { part_numbers: parts };
      return (await callApi<{ parts: Part[] }>(options, 'POST', `/${id}/parts`, json)).parts;
    };
    const put = async (part: number, targets: readonly Part[]) => {
      const target = targets.find(({ part_number: number }) => number === part);
      if (target === undefined) throw new Error(`The server gave no URL for part ${part}.`);
      const { upload_url: url, headers = {} } = target;
      const [body, onSent] = [bytesOf(part), (bytes: number) => note(part, bytes)];
      await putBytes({ url, headers, body, signal: stretch.signal, onSent }, options.stallMs);
      onSent(body.size);
    };
    for (let at = 0; at < missing.length; at += URLS_PER_CALL) {
      const parts = missing.slice(at, at + URLS_PER_CALL);
      const isKnown = parts.every((part) => known.some(({ part_number: number }) => number === part));
      const targets = isKnown ? known : await patiently(() => urlsFor(parts));
      // The URL may be what was wrong: after a failure there is a fresh one.
      await inParallel(parts, stretch, (part) =>
        patiently(async (failures) => put(part, failures === 0 ? targets : await urlsFor([part]))),
      );
    }
  }

  /** Adds up what has gone out of each part, and what was there before. */
  function progressOf(missing: readonly number[], sizeOf: (part: number) => number) {
    const sent = new Map<number, number>();
    const there = missing.reduce((left, part) => left - sizeOf(part), file.size);
    const tell = () => {
      const sentBytes = [...sent.values()].reduce((sum, bytes) => sum + bytes, there);
      how.onProgress?.({ sentBytes, totalBytes: file.size });
    };
    tell();
    return (part: number, bytes: number) => {
      sent.set(part, bytes);
      tell();
    };
  }

  return { begin, complete, finish };
}

/** The first failure ends them all; in the end none is under way. @throws that failure, or why `stretch` has ended */
async function inParallel(
  parts: readonly number[],
  stretch: AbortController,
  work: (part: number) => Promise<void>,
): Promise<void> {
  const queue = parts.values();
  const worker = async () => {
    for (const part of queue) await work(part);
  };
  const workers = Array.from({ length: PARTS_AT_ONCE }, () =>
    worker().catch((error) => stretch.abort(error)),
  );
  await Promise.all(workers);
  stretch.signal.throwIfAborted();
}
