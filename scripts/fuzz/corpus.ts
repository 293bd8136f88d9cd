/**
 * Good messages, the material of the mutations.
 */
import fc from 'fast-check';
import { handshake } from '../lab/websocket.ts';

const JSON_TYPE = 'Content-Type: application/json\r\n';

/** A request with the length of its body; `fields` end in CRLF each. */
const request = (line: string, fields = '', body?: string) =>
  `${line} HTTP/1.1\r\nHost: example.com\r\n${fields}${body === undefined ? '' : `Content-Length: ${body.length}\r\n`}\r\n${body ?? ''}`;

const chunked = (line: string, chunks: readonly string[], trailers = '') =>
  `${line} HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: chunked\r\n\r\n${chunks
    .map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`)
    .join('')}0\r\n${trailers}\r\n`;

/** What a smuggler would hide in a body. */
const HIDDEN = 'GET /api/hidden HTTP/1.1\r\nHost: example.com\r\nX-Hidden: 1\r\n\r\n';

const FORWARDED = [
  request('GET /api/products'),
  request(
    'GET /api/products/1?x=1&y=%20',
    'Accept: */*\r\nAccept-Encoding: gzip, br\r\nCookie: a=b\r\nCookie: c=d\r\n',
  ),
  request('HEAD /api/products/1'),
  request('GET /healthz', 'User-Agent: fuzz\r\n'),
  request('OPTIONS /api/products', 'Origin: https://example.com\r\nAccess-Control-Request-Method: PATCH\r\n'),
  request('DELETE /api/reviews/1', 'Authorization: Bearer x.y.z\r\n'),
  request('PATCH /api/products/1/reviews', JSON_TYPE, '{"a":1}'),
  request('GET /api/uploads/'),
  request('GET /api//uploads'),
  request('POST /api/auth/login', JSON_TYPE, '{"email":"buyer@demo.com","password":"demo123"}'),
  request('POST /api/hides', 'Content-Type: text/plain\r\n', HIDDEN),
  request('PUT /api/empty', '', ''),
  request('GET /api/with-body', '', HIDDEN),
  chunked('POST /api/upload/video', ['first chunk', 'and a second one', HIDDEN]),
  chunked('PUT /api/trailers', ['x'], 'X-Checksum: 1\r\n'),
  chunked('DELETE /api/chunked', [HIDDEN]),
  request('POST /api/expects', 'Expect: 100-continue\r\n', 'continued'),
  request(
    'GET /api/hop',
    'Connection: x-a, keep-alive\r\nX-A: 1\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\nTrailer: X-T\r\n',
  ),
  request('GET /api/latin', 'X-Name: caf\xe9 \xc3\xa0\r\nX-Name: \xff\r\nx-empty:\r\n'),
  request(
    'GET /api/java',
    'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n',
  ),
  request('GET /api/last', 'Connection: close\r\n'),
  'GET /api/old HTTP/1.0\r\nConnection: keep-alive\r\nHost: example.com\r\n\r\n',
  'GET /api/older HTTP/1.0\r\n\r\n',
  'GET http://example.com/api/absolute?x HTTP/1.1\r\nHost: example.com\r\n\r\n',
  `\r\n${request('GET /api/after-an-empty-line')}`,
  request('GET /ws/chat/1'),
];

const OURS = (token: string) => {
  const bearer = `Authorization: Bearer ${token}\r\n`;
  return [
    request('GET /api/products/1/reviews?limit=2'),
    request('HEAD /api/products/%31/reviews'),
    request('GET /api/products/2/reviews', `${bearer}Origin: https://example.com\r\n`),
    request('POST /api/products/1/reviews', `${bearer}${JSON_TYPE}`, '{"rating":5,"text":"good"}'),
    request('POST /api/products/1/reviews', JSON_TYPE, '{"rating":5,"text":"nobody"}'),
    request(
      'POST /api/uploads',
      `${bearer}${JSON_TYPE}`,
      '{"kind":"product_image","filename":"a.png","content_type":"image/png","size_bytes":10}',
    ),
    request('POST /api/uploads', JSON_TYPE, '{"kind":"x"}'),
    chunked('POST /api/uploads', ['{"kind":']).replace('\r\n\r\n', `\r\n${bearer}${JSON_TYPE}\r\n`),
    request('OPTIONS /api/uploads', 'Origin: https://example.com\r\nAccess-Control-Request-Method: POST\r\n'),
    request('GET /livez'),
    request('GET /readyz'),
    request('GET /nowhere'),
    request('TRACE /api/x'),
    'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n',
    request('GET /api/%75ploads'),
    request('POST /api/x/../uploads', '', 'x'),
    request('GET /api/products/1%2Freviews'),
  ];
};

const UPGRADES = [
  handshake('/ws/chat/1?token=x', 'Sec-WebSocket-Protocol: chat\r\n'),
  handshake('/api/socket'),
  handshake('/nowhere'),
  handshake('/api/products/1/reviews'),
];

/** @param token a valid one, for our own routes */
export const requestCorpus = (token: string): readonly string[] => [
  ...FORWARDED,
  ...OURS(token),
  ...UPGRADES,
];

/** One to four requests in one go. */
export const pipeline = (corpus: readonly string[]): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...corpus), { minLength: 1, maxLength: 4 }).map((requests) => requests.join(''));

/** Responses of a backend; `tag` tells whose they are. All are right as they stand. */
export function responseCorpus(tag: string): { readonly bytes: string; readonly end: boolean }[] {
  const length = `Content-Length: ${tag.length}\r\n`;
  const chunked = 'Transfer-Encoding: chunked\r\n';
  const chunk = `${tag.length.toString(16)}\r\n${tag}\r\n`;
  const event = `${(tag.length + 8).toString(16)}\r\ndata: ${tag}\n\n\r\n`;
  const framed = [
    `200 OK\r\nX-Tag: ${tag}\r\n${length}\r\n${tag}`,
    `200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${tag.length * 500}\r\n\r\n${tag.repeat(500)}`,
    `200 OK\r\nX-Tag: ${tag}\r\n${chunked}\r\n${chunk}3;x=y\r\nabc\r\n0\r\n\r\n`,
    `206 Partial Content\r\n${chunked}Trailer: X-Tag\r\n\r\n${chunk}0\r\nX-Tag: ${tag}\r\n\r\n`,
    `200 OK\r\nContent-Length: 999\r\n${chunked}\r\n${chunk}0\r\n\r\n`,
    `200 O\x01K\r\nX-Tag: \x1b${tag}\x7f\r\n${length}content-length: ${tag.length}, ${tag.length}\r\n\r\n${tag}`,
    `204 No Content\r\nX-Tag: ${tag}\r\n\r\n`,
    `304 Not Modified\r\nETag: "${tag}"\r\nContent-Length: 5\r\n\r\n`,
    `205 Reset Content\r\nContent-Length: 0\r\nX-Tag: ${tag}\r\n\r\n`,
    `404 \r\n${length}X-Tag: ${tag}\r\n\r\n${tag}`,
    `103 Early Hints\r\nLink: </${tag}>\r\n\r\nHTTP/1.1 200 OK\r\n${length}\r\n${tag}`,
    `100 Continue\r\n\r\nHTTP/1.1 500 Broken\r\nSet-Cookie: a=${tag}\r\nset-cookie: b=caf\xe9\r\nConnection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 2\r\n\r\nno`,
    `200 OK\r\nContent-Type: text/event-stream\r\n${chunked}\r\n${event}0\r\n\r\n`,
  ];
  return [
    ...framed.map((rest) => ({ bytes: `HTTP/1.1 ${rest}`, end: false })),
    { bytes: `HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${tag} until the end`, end: true },
    { bytes: `HTTP/1.0 200 OK\r\nX-Tag: ${tag}\r\n\r\n${tag}`, end: true },
  ];
}
