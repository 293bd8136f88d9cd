/** The console's page and its API, for requests that have passed the guard (guard.ts). */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { activeFaults } from '../faults.ts';
import { CONSOLE_PATH } from '../guard.ts';
import { KEY_HEADER } from '../messages.ts';
import { createTest, parseFilter } from '../store/filter.ts';
import { decodedBody, headersOf, IMAGE, searchableBody } from './bodies.ts';
import { type Call, type ConsoleApi, json, Refused, recordOf, send } from './call.ts';
import { clear, pin, sendAgain, sendFrame, setFaults } from './changes.ts';
import { curlOf } from './curl.ts';
import { detailOf } from './detail.ts';
import { harOf } from './har.ts';
import { headerValue } from './heads.ts';
import { sendLive } from './live.ts';
import { maskers } from './mask.ts';
import { contentSecurityPolicy, PAGE_HTML, readPageFile, SWAGGER_POLICY, swaggerHtml } from './page-files.ts';
import { changeData, examine, setWebhooks, state, webhooks } from './state.ts';

type Handler = (api: ConsoleApi, call: Call) => Promise<void> | void;

/** Patterns of what is below /dev/api. */
const ROUTES: readonly (readonly [method: string, pattern: RegExp, handle: Handler])[] = [
  ['GET', /^\/live$/, live],
  ['GET', /^\/requests\/(\d+)$/, detail],
  ['GET', /^\/requests\/(\d+)\/image\/(in|out)$/, image],
  ['GET', /^\/requests\/(\d+)\/curl$/, curl],
  ['POST', /^\/requests\/(\d+)\/pin$/, pin],
  ['POST', /^\/requests\/(\d+)\/resend$/, sendAgain],
  ['POST', /^\/requests\/(\d+)\/frame$/, sendFrame],
  ['GET', /^\/faults$/, (api, { res }) => json(res, 200, api.faults)],
  ['PUT', /^\/faults$/, setFaults],
  ['GET', /^\/backend$/, (api, { res }) => json(res, 200, { url: api.backendUrl })],
  ['GET', /^\/har$/, har],
  ['POST', /^\/clear$/, clear],
  ['GET', /^\/state$/, state],
  ['POST', /^\/doctor$/, examine],
  ['POST', /^\/data$/, changeData],
  ['GET', /^\/webhooks$/, webhooks],
  ['PUT', /^\/webhooks$/, setWebhooks],
];

/** A server for the sidecar's process alone; it does not listen yet. */
export function createConsoleServer(api: ConsoleApi): Server {
  const headers = new Headers({
    'Cache-Control': 'no-store',
    'Content-Security-Policy': contentSecurityPolicy(api.storageOrigins),
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cross-Origin-Opener-Policy': 'same-origin',
  });
  return createServer((req, res) => {
    res.setHeaders(headers);
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
  else if (path === '/swagger') {
    // First: what is refused is shown in the frame as well.
    res.setHeader('Content-Security-Policy', SWAGGER_POLICY);
    send(res, 'text/html; charset=utf-8', swaggerHtml());
  } else {
    const file = readPageFile(path);
    if (file === null) throw new Refused(404, 'There is no such file.');
    send(res, file.type, file.content);
  }
}

function live(api: ConsoleApi, { res, query }: Call): void {
  const { records } = api;
  sendLive(res, records, createTest(parseFilter(query), searchableBody), () => ({
    ...records.figures(),
    faults: activeFaults(api.faults),
  }));
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

const isRevealed = (query: URLSearchParams) => query.get('reveal') === '1';
