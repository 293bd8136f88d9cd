/**
 * The bytes that load generator and upstream agree on. Each side checks what the proxy let through against them, so
 * that a proxy which mixes up, cuts or alters anything fails the bench instead of winning it.
 */

/** A token of the size that the backend issues: 200 bytes. */
const TOKEN = `eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.${'eyJ1c2VyX2lkIjoxMjM0NTY3ODkw'.repeat(6)}`.slice(
  0,
  200,
);

/** What the upstream looks for in every request. */
export const AUTHORIZATION = `Bearer ${TOKEN}`;

/** The eight headers of a browser's fetch, as Chromium sends them, and the token. */
const BROWSER_HEADERS = [
  'Host: app.example.com',
  'Connection: keep-alive',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  'Accept: application/json',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'Accept-Language: en-GB,en;q=0.9,ru;q=0.8',
  'Origin: https://app.example.com',
  'Referer: https://app.example.com/products',
  `Authorization: ${AUTHORIZATION}`,
].join('\r\n');

/** Body of the POST workload. */
export const POST_BYTES = 2048;

/** Products are numbered so that an answer to somebody else's request is noticed. */
export const PRODUCTS = 100;
export const PRODUCT_PATH = '/api/products/';

export function getRequest(product: number): Buffer {
  return Buffer.from(`GET ${PRODUCT_PATH}${twoDigits(product)} HTTP/1.1\r\n${BROWSER_HEADERS}\r\n\r\n`);
}

export function postRequest(product: number): Buffer {
  const head = postHead(`${PRODUCT_PATH}${twoDigits(product)}/comments`, 'application/json', POST_BYTES);
  return Buffer.concat([head, patternSlice(0, POST_BYTES)]);
}

/** The upstream never answers it. */
export const HANGING_PATH = '/api/hanging';

export const hangingRequest = (): Buffer =>
  Buffer.from(`GET ${HANGING_PATH} HTTP/1.1\r\n${BROWSER_HEADERS}\r\n\r\n`);

export const uploadHead = (bytes: number): Buffer => postHead('/api/upload/video', 'video/mp4', bytes);

function postHead(path: string, contentType: string, bytes: number): Buffer {
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\n${BROWSER_HEADERS}\r\nContent-Type: ${contentType}\r\nContent-Length: ${bytes}\r\n\r\n`,
  );
}

export const DOWNLOAD_PATH = '/api/download/';

export function downloadRequest(bytes: number): Buffer {
  return Buffer.from(`GET ${DOWNLOAD_PATH}${bytes} HTTP/1.1\r\n${BROWSER_HEADERS}\r\n\r\n`);
}

/** The example of RFC 6455 §1.3. */
export const WEBSOCKET_KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

export function webSocketHandshake(): Buffer {
  return Buffer.from(
    `GET /ws/chat/1 HTTP/1.1\r\n${BROWSER_HEADERS.replace('Connection: keep-alive', 'Connection: Upgrade')}\r\n` +
      `Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${WEBSOCKET_KEY}\r\n\r\n`,
  );
}

/** About 150 bytes of JSON, the same length for every product. */
export function productBody(product: number): Buffer {
  return Buffer.from(
    `{"id":${100 + product},"name":"Hand-made leather bag","price":129.5,"seller_id":7,` +
      '"image_url":"https://cdn.example.com/products/bag.jpg","likes":1284,"in_stock":true}',
  );
}

/** The answer to a POST or an upload. */
export const receivedBody = (bytes: number): Buffer => Buffer.from(`{"received":${bytes}}`);

const twoDigits = (product: number): string => String(product).padStart(2, '0');

/** A prime: no chunk size of any proxy divides it, so that lost or doubled chunks cannot go unnoticed. */
const PATTERN_BYTES = 65_521;
/** Twice in a row: any run of up to PATTERN_BYTES is one slice of it. */
const pattern = makePattern();

function makePattern(): Buffer {
  const once = Buffer.alloc(PATTERN_BYTES);
  let state = 1;
  for (let i = 0; i < PATTERN_BYTES; i += 1) {
    // A linear congruential generator (the constants of Numerical Recipes); printable characters only.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    once[i] = 0x23 + ((state >>> 16) % 0x38);
  }
  return Buffer.concat([once, once]);
}

/** The body's bytes from `offset` on, at most one pattern long; shared memory, not to be written to. */
export function patternSlice(offset: number, bytes: number): Buffer {
  const start = offset % PATTERN_BYTES;
  return pattern.subarray(start, start + Math.min(bytes, PATTERN_BYTES));
}

/** Whether a chunk is what a body has at `offset`. */
export function isPattern(chunk: Buffer, offset: number): boolean {
  for (let done = 0; done < chunk.length; done += PATTERN_BYTES) {
    const bytes = Math.min(PATTERN_BYTES, chunk.length - done);
    const start = (offset + done) % PATTERN_BYTES;
    if (chunk.compare(pattern, start, start + bytes, done, done + bytes) !== 0) return false;
  }
  return true;
}
