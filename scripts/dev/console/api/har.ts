/** Requests as a HAR 1.2 file (http://www.softwareishard.com/blog/har-12-spec/), which browsers and proxies open. */
import type { RequestRecord } from '../store/record.ts';
import { decodedBody, headersOf } from './bodies.ts';
import { firstLine, type HeaderPair, headerValue } from './heads.ts';
import type { Maskers } from './mask.ts';

/** @param origin of the sidecar */
export function harOf(records: Iterable<RequestRecord>, origin: string, mask: Maskers): object {
  const entries = [...records]
    .filter((record) => record.ended !== undefined)
    .map((record) => entryOf(record, origin, mask));
  const creator = { name: 'gogomarket-sidecar console', version: '1' };
  return { log: { version: '1.2', creator, entries } };
}

function entryOf(record: RequestRecord, origin: string, mask: Maskers): object {
  const { started, ended } = record;
  const ms = ended?.ms ?? 0;
  const firstOut = ended?.marks.firstOut ?? ms;
  return {
    startedDateTime: new Date(started.at).toISOString(),
    time: ms,
    request: requestOf(record, origin, mask),
    response: responseOf(record, mask),
    cache: {},
    timings: { send: 0, wait: firstOut, receive: ms - firstOut },
    comment: `#${record.n} ${record.kind}`,
  };
}

function requestOf(record: RequestRecord, origin: string, mask: Maskers): object {
  const { started } = record;
  const headers = headersOf(record, 'in');
  const url = origin + mask.text(started.target);
  const body = record.body('in');
  const mimeType = headerValue(headers, 'content-type') ?? '';
  return {
    method: started.method,
    url,
    httpVersion: `HTTP/${started.httpVersion}`,
    cookies: [],
    headers: named(headers, mask),
    queryString: [...(URL.parse(url)?.searchParams ?? [])].map(([name, value]) => ({ name, value })),
    headersSize: -1,
    bodySize: record.row().bytesIn,
    ...(body.length === 0 ? {} : { postData: { mimeType, text: mask.text(body.toString('utf8')) } }),
  };
}

function responseOf(record: RequestRecord, mask: Maskers): object {
  const headers = headersOf(record, 'out');
  const { bytes } = decodedBody(record, 'out');
  const text = bytes.toString('utf8');
  const isText = Buffer.from(text, 'utf8').equals(bytes);
  const mimeType = headerValue(headers, 'content-type') ?? '';
  return {
    status: record.status,
    statusText: firstLine(record.responseHead).replace(/^\S+ \d+ ?/, ''),
    httpVersion: 'HTTP/1.1',
    cookies: [],
    headers: named(headers, mask),
    content: {
      ...{ size: bytes.length, mimeType },
      ...(isText ? { text: mask.text(text) } : { text: bytes.toString('base64'), encoding: 'base64' }),
    },
    redirectURL: headerValue(headers, 'location') ?? '',
    headersSize: record.responseHead.length,
    bodySize: record.row().bytesOut,
  };
}

const named = (headers: readonly HeaderPair[], mask: Maskers) =>
  headers.map(([name, value]) => ({ name, value: mask.header(name, value) }));
