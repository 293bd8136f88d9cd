/** Uploads under way, by the example client; they go on while another page of the console is shown. */
import { useEffect, useState } from 'preact/hooks';
import { createUploader } from '/dev/examples/upload.ts';
import { call } from '../public-api.js';

const LOOK_EVERY_MS = 2_000;
/** In front of what the client remembers; the same file of two users is two uploads. */
const PREFIX = 'console-upload';
const ABORTED = new Error('aborted');

let jobs = [];
const listeners = new Set();
const tell = () => {
  for (const listener of listeners) listener();
};

export function useJobs() {
  const [, redraw] = useState(0);
  useEffect(() => {
    const listener = () => redraw((count) => count + 1);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, []);
  return jobs;
}

const factsOf = ({ name, size, lastModified }) => ({ name, size, lastModified });

/** @param how `{kind, multipart}` as the client takes them */
export function begin(file, how, user) {
  const job = {
    ...{ file, how, user, key: crypto.randomUUID(), state: 'sending', sentBytes: 0, id: null },
    ...{ error: null, retry: null, seen: [], looked: Promise.resolve(), cancel: new AbortController() },
  };
  jobs = [job, ...jobs];
  run(job);
  return job;
}

function run(job) {
  const { file, how, user, cancel } = job;
  const uploader = createUploader({
    ...{ apiUrl: location.origin, token: user.token, store: storeOf(job) },
    onRetry: ({ message }, waitMs) => set(job, { retry: { message, waitMs } }),
  });
  const onProgress = ({ sentBytes }) => set(job, { sentBytes, retry: null });
  job.upload = uploader.upload(file, { ...how, signal: cancel.signal, onProgress });
  const timer = setInterval(() => job.state === 'sending' && look(job), LOOK_EVERY_MS);
  job.upload.finished
    .then(
      () => set(job, { state: 'ready', sentBytes: file.size }),
      (error) =>
        set(job, error === ABORTED ? { state: 'aborted' } : { state: 'failed', error: error.message }),
    )
    .finally(() => {
      clearInterval(timer);
      set(job, { retry: null });
      look(job);
    });
}

function set(job, change) {
  Object.assign(job, change);
  tell();
}

/** Notes what the row says now when that is new; one look after the other, so that none notes what was before. */
function look(job) {
  if (job.id !== null) job.looked = job.looked.then(() => note(job));
}

async function note(job) {
  const { token } = job.user;
  const path = `/api/uploads/${job.id}`;
  try {
    const row = await call(token, 'GET', path);
    const isInParts = row.multipart && row.status === 'issued';
    const parts = isInParts ? await call(token, 'GET', `${path}/parts`).catch(() => null) : null;
    const stored = parts === null ? null : { stored: parts.uploaded.length, all: parts.part_count };
    const said = { status: row.status, reason: row.reason, ...stored };
    const last = job.seen.at(-1);
    if (last === undefined || JSON.stringify(last.note) !== JSON.stringify(said))
      set(job, { seen: [...job.seen, { at: Date.now(), note: said }] });
  } catch {
    // The next look may see it.
  }
}

/** localStorage, and beside what the client keeps there, what the page shows of it after a reload. */
function storeOf(job) {
  const nameOf = (key) => `${PREFIX}:${job.user.account}:${key}`;
  const began = (id) => {
    if (job.id === id) return;
    set(job, { id });
    look(job);
  };
  return {
    getItem(key) {
      const kept = JSON.parse(localStorage.getItem(nameOf(key)) ?? 'null');
      if (kept === null) return null;
      began(kept.id);
      return kept.value;
    },
    setItem(key, value) {
      const { id } = JSON.parse(value);
      const { file, how, user } = job;
      const kept = { id, value, how, account: user.account, file: factsOf(file) };
      localStorage.setItem(nameOf(key), JSON.stringify(kept));
      began(id);
    },
    removeItem: (key) => localStorage.removeItem(nameOf(key)),
  };
}

export function pause(job) {
  job.upload.pause();
  set(job, { state: 'paused', retry: null });
  look(job);
}

export function resume(job) {
  job.upload.resume();
  set(job, { state: 'sending' });
}

export const abort = (job) => job.cancel.abort(ABORTED);

/** After a failure: goes on where it was. */
export function tryAgain(job) {
  set(job, { state: 'sending', error: null });
  run(job);
}

/** From the list, once it is over. */
export function clear(job) {
  jobs = jobs.filter((other) => other !== job);
  tell();
}

/** What a reload or a closed tab has left unfinished. */
export function interrupted() {
  const known = new Set(jobs.map(({ id }) => id));
  return Object.entries(localStorage)
    .filter(([name]) => name.startsWith(`${PREFIX}:`))
    .map(([name, text]) => ({ name, ...JSON.parse(text) }))
    .filter(({ id }) => !known.has(id));
}

/** A page may not open a file by itself: it has to be given again, and must be the same. */
export const isSameFile = (kept, file) => JSON.stringify(kept.file) === JSON.stringify(factsOf(file));

export async function abortInterrupted({ id, name }, user) {
  // It may be over by now, and then there is nothing to delete.
  await call(user.token, 'DELETE', `/api/uploads/${id}`).catch(({ status, message }) => {
    if (![404, 409].includes(status)) throw new Error(message);
  });
  localStorage.removeItem(name);
  tell();
}
