/** The console's page and its API, for requests that have passed the guard (guard.ts). */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { CONSOLE_PATH } from '../guard.ts';
import { KEY_HEADER } from '../messages.ts';
import { createTest, parseFilter } from '../store/filter.ts';
import type { RequestRecord } from '../store/record.ts';
import type { Records } from '../store/records.ts';
import { decodedBody, headersOf, IMAGE, searchableBody } from './bodies.ts';
import { curlOf } from './curl.ts';
import { detailOf, resendState } from './detail.ts';
import { harOf } from './har.ts';
import { headerValue } from './heads.ts';
import { sendLive } from './live.ts';
import { maskers } from './mask.ts';
import { CONTENT_SECURITY_POLICY, PAGE_HTML, readPageFile } from './page-files.ts';
import { type Edited, resend } from './resend.ts';

export interface ConsoleApi {
  readonly records: Records;
  /** Of the sidecar, e.g. `http://127.0.0.1:8010`. */
  readonly origin: string;
  readonly sidecarPort: number;
  readonly key: string;
}

/** What is asked, and what it is answered with. */
interface Call {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly query: URLSearchParams;
  /** What the pattern of the route has found. */
  readonly found: readonly string[];
}

type Handler = (api: ConsoleApi, call: Call) => Promise<void> | void;

/** An answer with a sentence for whoever uses the page. */
class Refused extends Error {
  readonly status: number;
  constructor(status: number, sentence: string) {
    super(sentence);
    this.status = status;
  }
}

/** Patterns of what is below /dev/api. */
const ROUTES: readonly (readonly [method: string, pattern: RegExp, handle: Handler])[] = [
  ['GET', /^\/live$/, live],
  ['GET', /^\/requests\/(\d+)$/, detail],
  ['GET', /^\/requests\/(\d+)\/image\/(in|out)$/, image],
  ['GET', /^\/requests\/(\d+)\/curl$/, curl],
  ['POST', /^\/requests\/(\d+)\/pin$/, pin],
  ['POST', /^\/requests\/(\d+)\/resend$/, sendAgain],
  ['GET', /^\/har$/, har],
  ['POST', /^\/clear$/, clear],
];

const MAX_INPUT_BYTES = 16 * 1024 * 1024;

/** A server for the sidecar's process alone; it does not listen yet. */
export function createConsoleServer(api: ConsoleApi): Server {
  return createServer((req, res) => {
    if (req.headers[KEY_HEADER] !== api.key) {
      json(res, 403, { detail: 'Only through the sidecar.', code: 'console_not_local' });
      return;
    }
    answer(api, req, res).catch((error) => {
      if (res.headersSent) res.destroy();
      else if (error instanceof Refused) json(res, error.status, { detail: error.message, code: 'refused' });
      else json(res, 500, { detail: 'The console has a defect.', code: 'defect', error: String(error) });
    });
  });
}

async function answer(api: ConsoleApi, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { pathname, searchParams: query } = new URL(req.url ?? '', 'http://console');
  const path = pathname.slice(CONSOLE_PATH.length);
  if (path.startsWith('/api/')) {
    for (const [method, pattern, handle] of ROUTES) {
      const found = pattern.exec(path.slice('/api'.length));
      if (found !== null && method === req.method)
        return handle(api, { req, res, query, found: found.slice(1) });
    }
    throw new Refused(404, 'There is nothing.');
  }
  if (path === '' || path === '/') send(res, 'text/html; charset=utf-8', PAGE_HTML);
  else {
    const file = readPageFile(path);
    if (file === null) throw new Refused(404, 'There is no such file.');
    send(res, file.type, file.content);
  }
}

function live({ records }: ConsoleApi, { res, query }: Call): void {
  sendLive(res, records, createTest(parseFilter(query), searchableBody), () => records.figures());
}

function detail({ records }: ConsoleApi, { res, query, found }: Call): void {
  const record = recordOf(records, found);
  json(res, 200, detailOf(record, records.logOf(record), maskers(isRevealed(query))));
}

/** Only what is a picture and no document, and never as anything else. */
function image({ records }: ConsoleApi, { res, found }: Call): void {
  const way = found[1] === 'in' ? 'in' : 'out';
  const record = recordOf(records, found);
  const type = IMAGE.exec(headerValue(headersOf(record, way), 'content-type') ?? '')?.[0];
  if (type === undefined) throw new Refused(404, 'It is no picture.');
  send(res, type, decodedBody(record, way).bytes);
}

function curl({ records, origin }: ConsoleApi, { res, query, found }: Call): void {
  send(
    res,
    'text/plain; charset=utf-8',
    curlOf(recordOf(records, found), origin, maskers(isRevealed(query))),
  );
}

function har({ records, origin }: ConsoleApi, { res, query }: Call): void {
  const test = createTest(parseFilter(query), searchableBody);
  const chosen = [...records.all()].filter(test);
  res.setHeader('Content-Disposition', 'attachment; filename="requests.har"');
  json(res, 200, harOf(chosen, origin, maskers(isRevealed(query))));
}

async function pin({ records }: ConsoleApi, { req, res, found }: Call): Promise<void> {
  const { pinned } = (await readJson(req)) as { pinned?: unknown };
  records.pin(recordOf(records, found), pinned === true);
  json(res, 200, { pinned: pinned === true });
}

async function sendAgain({ records, sidecarPort }: ConsoleApi, { req, res, found }: Call): Promise<void> {
  const record = recordOf(records, found);
  const edited = (await readJson(req)) as Edited;
  const state = resendState(record);
  const needsOldBody = edited.body === undefined;
  if (!state.isPossible && (needsOldBody || record.started.isWebSocket)) {
    throw new Refused(409, state.reason ?? '');
  }
  await resend(records, record, edited, sidecarPort).catch((error) => {
    throw new Refused(422, error.message);
  });
  json(res, 202, { sent: true });
}

async function clear({ records }: ConsoleApi, { req, res }: Call): Promise<void> {
  await readJson(req);
  records.clear();
  json(res, 200, records.figures());
}

function recordOf(records: Records, [n]: readonly string[]): RequestRecord {
  const record = records.get(Number(n));
  if (record === undefined) throw new Refused(404, 'This request is no longer kept.');
  return record;
}

const isRevealed = (query: URLSearchParams) => query.get('reveal') === '1';

async function readJson(req: IncomingMessage): Promise<object> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of req) {
    bytes += piece.length;
    if (bytes > MAX_INPUT_BYTES) throw new Refused(413, 'This is too much.');
    pieces.push(piece);
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(pieces).toString() || '{}');
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Said below.
  }
  throw new Refused(400, 'The body must be a JSON object.');
}

function json(res: ServerResponse, status: number, body: object): void {
  res.statusCode = status;
  send(res, 'application/json', JSON.stringify(body));
}

function send(res: ServerResponse, type: string, content: string | Buffer): void {
  res.setHeader('Content-Type', type);
  res.setHeader('Cache-Control', 'no-store');
  res.setHeader('Content-Security-Policy', CONTENT_SECURITY_POLICY);
  res.setHeader('X-Content-Type-Options', 'nosniff');
  res.setHeader('Referrer-Policy', 'no-referrer');
  res.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
  res.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  res.end(content);
}
