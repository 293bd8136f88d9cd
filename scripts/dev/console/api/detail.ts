/** All that the console knows of one request, for its page. */

import type { RequestRecord } from '../store/record.ts';
import type { LogEntry } from '../store/records.ts';
import { type ShownBody, showBody } from './bodies.ts';
import {
  changesOf,
  firstLine,
  type HeaderChange,
  type HeaderPair,
  headerValue,
  pairsOf,
  pairsOfHead,
} from './heads.ts';
import type { Maskers } from './mask.ts';

const STREAM_PIECES = 2_000;

interface ShownHead {
  readonly line: string;
  readonly headers: readonly HeaderPair[];
}

/** @param log lines with the request's id */
export function detailOf(record: RequestRecord, log: readonly LogEntry[], mask: Maskers) {
  const { started, ended } = record;
  const row = record.row();
  const show = (pairs: readonly HeaderPair[]) =>
    pairs.map(([name, value]) => [name, mask.header(name, value)] as const);
  const shown = (head: string): ShownHead | null =>
    head === '' ? null : { line: mask.text(firstLine(head)), headers: show(pairsOfHead(head)) };
  const target = mask.text(started.target);
  return {
    ...row,
    target,
    peer: started.peer,
    requestId: ended?.requestId ?? null,
    request: {
      line: `${started.method} ${target} HTTP/${started.httpVersion}`,
      headers: show(pairsOf(started.headers)),
    },
    response: shown(record.responseHead),
    backendRequest: shown(ended?.backendRequestHead ?? ''),
    backendResponse: shown(ended?.backendResponseHead ?? ''),
    changes: changesThere(record, mask),
    requestBody: bodyOf(record, 'in', mask),
    responseBody: bodyOf(record, 'out', mask),
    marks: ended?.marks ?? {},
    steps: (ended?.steps ?? []).map((step) => ({ ...step, what: mask.text(step.what) })),
    log: log.map((line) => mask.text(JSON.stringify(line))),
    isCutOff: record.isCutOff,
    isOver: record.isOver,
    messages:
      record.conversation?.messages.map((message) => ({ ...message, text: mask.text(message.text) })) ?? null,
    resend: resendState(record),
    events: isStream(record)
      ? record.pieces.out
          .slice(-STREAM_PIECES)
          .map(({ at, data }) => ({ at, text: mask.text(Buffer.from(data).toString()) }))
      : null,
  };
}

/** What the sidecar changed on the way, in both directions; null where it forwarded nothing. */
function changesThere({ started, ended, responseHead }: RequestRecord, mask: Maskers) {
  if (!ended?.isForwarded) return null;
  const { backendRequestHead, backendResponseHead } = ended;
  const masked = (change: HeaderChange): HeaderChange => ({
    name: change.name,
    before: change.before === null ? null : mask.header(change.name, change.before),
    after: change.after === null ? null : mask.header(change.name, change.after),
  });
  const request = changesOf(pairsOf(started.headers), pairsOfHead(backendRequestHead)).map(masked);
  const hasAnswer = backendResponseHead !== '';
  const response = hasAnswer
    ? changesOf(pairsOfHead(backendResponseHead), pairsOfHead(responseHead)).map(masked)
    : null;
  return { request, response };
}

/** A WebSocket has no body: its bytes are frames. */
const bodyOf = (record: RequestRecord, way: 'in' | 'out', mask: Maskers): ShownBody | null =>
  record.started.isWebSocket ? null : showBody(record, way, mask.text);

const isStream = ({ responseHead }: RequestRecord) =>
  /\r\ncontent-type: *text\/event-stream/i.test(responseHead);

/** Whether it can be sent again as it was. */
export function resendState(record: RequestRecord): {
  readonly isPossible: boolean;
  readonly reason: string | null;
} {
  const no = (reason: string) => ({ isPossible: false, reason });
  if (record.started.isWebSocket) return no('A WebSocket cannot be sent again; open a new one.');
  if (!record.isOver) return no('It is still under way.');
  if (record.unkept('in') > 0) {
    return no(`Its body was not kept: ${record.unkept('in')} bytes passed that there was no room for.`);
  }
  const announced = Number(headerValue(pairsOf(record.started.headers), 'content-length') ?? 0);
  if (announced > record.row().bytesIn) {
    return no('Its body was never read: it was answered before, or the client went away.');
  }
  return { isPossible: true, reason: null };
}
