/**
 * Requests to the drill's backend: the query says what the backend shall do, and the answer repeats the id, so that an
 * answer to somebody else's request is noticed.
 */
import { type Answer, type LoadRequest, parseJson } from './sample.ts';

/**
 * - `answer`: 200 with `bytes` of padding after `delayMs`
 * - `stall`: never
 * - `cut-length`, `cut-chunked`, `cut-close`: half a body, framed so, then a reset
 */
export type Act = 'answer' | 'stall' | 'cut-length' | 'cut-chunked' | 'cut-close';

export interface BackendWish {
  readonly act?: Act;
  readonly delayMs?: number;
  /** Padding in the answer, bytes. */
  readonly bytes?: number;
  /** Asks for the connection to be closed afterwards, so that the next request comes on a new one. */
  readonly isLast?: boolean;
}

const POST_BODY = 'p'.repeat(300);
let count = 0;

/** A request with an id of its own; its label is the method, or the act. */
export function backendRequest(method: 'GET' | 'POST', wish: BackendWish = {}): LoadRequest {
  const { act = 'answer', delayMs = 0, bytes = 200, isLast = false } = wish;
  count += 1;
  const id = `${method.toLowerCase()}-${count}`;
  const body = method === 'POST' ? POST_BODY : '';
  const close = isLast ? 'Connection: close\r\n' : '';
  const length = method === 'POST' ? `Content-Length: ${body.length}\r\n` : '';
  return {
    id,
    label: act === 'answer' ? method : act,
    method,
    bytes:
      `${method} /api/drill/${id}?act=${act}&delay=${delayMs}&bytes=${bytes} HTTP/1.1\r\n` +
      `Host: shop.example.com\r\nAccept: application/json\r\n${close}${length}\r\n${body}`,
    isRight: (answer) => isEcho(answer, id, body.length, bytes),
  };
}

function isEcho(answer: Answer, id: string, received: number, bytes: number): boolean {
  const echo = parseJson(answer.body);
  return echo?.id === id && echo.received === received && String(echo.padding).length === bytes;
}

/** Two GETs to one POST. */
export function mixed(wish: BackendWish = {}): () => LoadRequest {
  let turn = 0;
  return () => {
    turn += 1;
    return backendRequest(turn % 3 === 0 ? 'POST' : 'GET', wish);
  };
}

/** The same, where every fourth client makes a new connection for each request. */
export function mixedConnections(wish: BackendWish = {}): (client: number) => LoadRequest {
  const kept = mixed(wish);
  const closed = mixed({ ...wish, isLast: true });
  return (client) => (client % 4 === 0 ? closed() : kept());
}
