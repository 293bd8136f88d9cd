/** One call of the API, one PUT of bytes with its progress, and what can go wrong with them. */

export interface Api {
  /** Where the API is, without a slash at its end: `https://api.example.com`. */
  readonly apiUrl: string;
  /** The backend's access token, or what gives the present one. */
  readonly token: string | (() => string | Promise<string>);
}

export interface UploadErrorFacts {
  /** Of the answer; 0: there was none. */
  readonly status: number;
  /** The API's own; `network` without an answer, `storage` when the storage refused the bytes. */
  readonly code: string;
  /** Whether the same may succeed a little later. */
  readonly isTransient: boolean;
  /** What Retry-After said; null: nothing. */
  readonly retryAfterMs?: number | null;
  /** What else the answer says: `reason` of a `rejected` upload, `missing` parts of one that is `not_uploaded`. */
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** Its message is a sentence for the user, its `facts` are for the program. */
export class UploadError extends Error {
  readonly facts: UploadErrorFacts;

  constructor(message: string, { cause, ...facts }: UploadErrorFacts) {
    super(message, { cause });
    this.name = 'UploadError';
    this.facts = facts;
  }
}

const noAnswer = (message: string, cause?: unknown) =>
  new UploadError(message, { status: 0, code: 'network', isTransient: true, cause });

/** Not 501: this server has no uploads. Not 401: only another token helps. */
const isTransient = (status: number) => status === 408 || status === 429 || (status >= 500 && status !== 501);

const API_TIMEOUT_MS = 30_000;

/** One call, once. @param path behind /api/uploads @throws UploadError */
export async function callApi<T>(
  { apiUrl, token }: Api,
  method: string,
  path: string,
  json?: unknown,
): Promise<T> {
  const headers = new Headers({
    Authorization: `Bearer ${typeof token === 'function' ? await token() : token}`,
  });
  if (json !== undefined) headers.set('Content-Type', 'application/json');
  const signal = AbortSignal.timeout(API_TIMEOUT_MS);
  const body = json === undefined ? null : JSON.stringify(json);
  const { answer, text } = await fetch(`${apiUrl}/api/uploads${path}`, { method, headers, body, signal })
    .then(async (answer) => ({ answer, text: await answer.text() }))
    .catch((cause) => {
      throw noAnswer('The server cannot be reached.', cause);
    });
  const content = parseObject(text);
  if (answer.status === 200 && content !== null) return content as T;
  const { detail, code, ...fields } = content ?? {};
  throw new UploadError(typeof detail === 'string' ? detail : `The server answered ${answer.status}.`, {
    ...{ status: answer.status, code: String(code ?? 'unknown'), fields },
    ...{ isTransient: isTransient(answer.status), retryAfterMs: retryAfter(answer.headers) },
  });
}

/** A proxy on the way may answer anything. */
function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : null;
  } catch {
    return null;
  }
}

/** Seconds or a date (RFC 9110 §10.2.3), in ms. */
function retryAfter(headers: Headers): number | null {
  const value = headers.get('Retry-After');
  if (value === null) return null;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? null : Math.max(0, ms);
}

export interface Transfer {
  readonly url: string;
  /** Exactly those that the API gave: they are signed. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Blob;
  /** Ends it; it then rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** Told how many bytes of `body` have gone out, again and again. */
  onSent(bytes: number): void;
}

/**
 * One PUT to the storage. @param stallMs nothing moves for so long on a connection that is dead, and that nobody says so of
 * @throws UploadError, or the signal's reason
 */
export async function putBytes({ signal, onSent, ...transfer }: Transfer, stallMs = 60_000): Promise<void> {
  signal.throwIfAborted();
  const cut = new AbortController();
  const stop = () => cut.abort(signal.reason);
  const stall = () => cut.abort(noAnswer('The upload stood still.'));
  let timer = setTimeout(stall, stallMs);
  const note = (bytes: number) => {
    clearTimeout(timer);
    timer = setTimeout(stall, stallMs);
    onSent(bytes);
  };
  signal.addEventListener('abort', stop);
  try {
    const put = typeof XMLHttpRequest === 'undefined' ? putFromNode : putFromBrowser;
    const status = await put({ ...transfer, signal: cut.signal, onSent: note });
    // 412: with If-None-Match, these bytes have arrived before, and that answer was lost.
    if ((status >= 200 && status < 300) || status === 412) return;
    // 403: most likely the URL has expired, and a fresh one helps.
    const isWorthwhile = isTransient(status) || status === 403;
    const facts = { status, code: 'storage', isTransient: isWorthwhile };
    throw new UploadError(`The storage answered ${status}.`, facts);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

/** Not by fetch, which tells nothing of the progress of a body. @returns the status */
function putFromBrowser({ url, headers, body, signal, onSent }: Transfer): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('PUT', url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded }) => onSent(loaded);
    request.onload = () => resolve(request.status);
    request.onerror = () => reject(noAnswer('The connection broke.'));
    request.onabort = () => reject(signal.reason);
    signal.addEventListener('abort', () => request.abort());
    request.send(body);
  });
}

/** Not by fetch, which sends a stream without its length. @returns the status */
function putFromNode({ url, headers, body, signal, onSent }: Transfer): Promise<number> {
  // Not imported: bundlers for browsers would look for them.
  const { request } = process.getBuiltinModule(url.startsWith('https:') ? 'node:https' : 'node:http');
  const { pipeline } = process.getBuiltinModule('node:stream/promises');
  async function* counted() {
    let bytes = 0;
    for await (const chunk of body.stream()) {
      yield chunk;
      bytes += chunk.length;
      onSent(bytes);
    }
  }
  return new Promise((resolve, reject) => {
    const sending = request(url, {
      method: 'PUT',
      headers: { ...headers, 'Content-Length': body.size },
      signal,
    });
    sending.once('response', (answer) => {
      resolve(answer.statusCode ?? 0);
      // A refusal need not wait for the rest of the body.
      if (!sending.writableFinished) sending.destroy();
      answer.on('error', () => undefined).resume();
    });
    sending.once('error', (cause) =>
      reject(signal.aborted ? signal.reason : noAnswer('The connection broke.', cause)),
    );
    // What fails here fails the request as well, unless that has been answered.
    pipeline(counted, sending).catch((error) => sending.destroy(error));
  });
}
