/**
 * How a request is named in log and answers, so that the id which a user reports leads to the reason.
 *
 * Ids for requests that come without one are unique over processes and restarts by a random beginning, within a process by
 * counting. Nothing may depend on their being unguessable. A random UUID each cost one and a half per cent of a
 * forwarded request (npm run bench -- --profile).
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export interface NamedRequest {
  readonly id: string;
  /** '' with an empty target: there was no request. */
  readonly method: string;
  /** As received; what may be secret in it is for no log (access-log.ts). */
  readonly target: string;
}

const PREFIX = randomBytes(8).toString('hex');
let count = 0;

export function newRequestId(): string {
  count += 1;
  return `${PREFIX}-${count.toString(16).padStart(8, '0')}`;
}

const USABLE = /^[\x21-\x7e]{1,128}$/;

/** A client's own X-Request-Id, if it can be kept. */
export const usableRequestId = (value: string | undefined) =>
  value !== undefined && USABLE.test(value) ? value : undefined;

/** On the request itself: a WeakMap would cost more than everything else about ids. */
const ID = Symbol('request id');
type Identified = IncomingMessage & { [ID]?: string };

export function setRequestId(req: IncomingMessage, id: string): void {
  (req as Identified)[ID] = id;
}

/** The id that was set, else the client's own or a new one; the same for everybody who asks. */
export function requestIdOf(req: Identified): string {
  if (req[ID] === undefined) {
    const { 'x-request-id': own } = req.headers;
    req[ID] = usableRequestId(typeof own === 'string' ? own : undefined) ?? newRequestId();
  }
  return req[ID];
}

export const nameOf = (req: IncomingMessage): NamedRequest => ({
  id: requestIdOf(req),
  method: req.method ?? '',
  target: req.url ?? '',
});
