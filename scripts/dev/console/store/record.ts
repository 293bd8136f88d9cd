/** A request as the console remembers it. */
import type { FaultKind } from '../faults.ts';
import type { Answering, Ended, Piece, Started, Way } from '../messages.ts';
import { Conversation } from './conversation.ts';

/** As in the log, and `websocket` for what leaves HTTP. */
export type Kind =
  | 'local'
  | 'proxy'
  | 'rejected'
  | 'websocket'
  | 'health'
  | 'preflight'
  | 'not_found'
  | 'fault';

/** A line of the list. */
export interface Row {
  readonly n: number;
  /** ms since 1970. */
  readonly at: number;
  readonly kind: Kind;
  readonly method: string;
  readonly target: string;
  /** 0: none yet. */
  readonly status: number;
  /** null: it goes on. */
  readonly ms: number | null;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** As the token says, which nobody has checked here. */
  readonly user: string | null;
  readonly isAborted: boolean;
  readonly isPinned: boolean;
  readonly fault: FaultKind | null;
  /** The request that this one repeats. */
  readonly resentFrom: number | null;
}

export interface KeptPiece {
  readonly at: number;
  readonly data: Uint8Array;
}

const HEAD_BYTES = 2_000;

export class RequestRecord {
  readonly n: number;
  readonly started: Started;
  readonly pieces: Record<Way, KeptPiece[]> = { in: [], out: [] };
  /** Bytes of memory that it takes. */
  weight = HEAD_BYTES;
  answering: Answering | undefined;
  ended: Ended | undefined;
  /** Of a WebSocket. */
  conversation: Conversation | undefined;
  /** Set when it ended because the sidecar did. */
  isCutOff = false;
  isPinned = false;
  resentFrom: number | null = null;
  /** File with the whole of the request's body, where that is no longer in memory. */
  bodyFile: string | undefined;
  /** What the log said of it. */
  loggedKind: Kind | undefined;
  readonly user: string | null;
  readonly #bytes: Record<Way, number> = { in: 0, out: 0 };

  constructor(n: number, started: Started) {
    this.n = n;
    this.started = started;
    this.user = userOf(started.headers, started.target);
  }

  /** Its answer has begun. A WebSocket has a conversation from here on, although nothing may have been said yet. */
  answer(answering: Answering): void {
    this.answering = answering;
    if (this.started.isWebSocket && answering.status === 101)
      this.conversation = new Conversation(answering.responseHead);
  }

  add({ way, at, data }: Piece): void {
    if (this.started.isWebSocket) {
      this.#bytes[way] += data.length;
      this.conversation?.pass(way, data, at);
      return;
    }
    this.pieces[way].push({ at, data });
    this.weight += data.length;
    this.#bytes[way] += data.length;
  }

  get status(): number {
    return this.ended?.status ?? this.answering?.status ?? 0;
  }

  get isOver(): boolean {
    return this.ended !== undefined || this.isCutOff;
  }

  /** Kept longer than others. */
  get isError(): boolean {
    return this.status >= 400 || this.isCutOff || this.ended?.isAborted === true;
  }

  get kind(): Kind {
    if (this.started.isWebSocket) return 'websocket';
    if (this.ended?.fault === 'answer' || this.ended?.fault === 'error') return 'fault';
    return this.loggedKind ?? (this.ended?.isForwarded ? 'proxy' : 'local');
  }

  get responseHead(): string {
    return this.ended?.responseHead ?? this.answering?.responseHead ?? '';
  }

  row(): Row {
    const { n, started, ended, status, kind, user, isPinned, resentFrom } = this;
    const { at, method, target } = started;
    return {
      ...{ n, at, kind, method, target, status, user, isPinned, resentFrom },
      ms: ended?.ms ?? (this.isCutOff ? 0 : null),
      bytesIn: ended?.bytesIn ?? this.#bytes.in,
      bytesOut: ended?.bytesOut ?? this.#bytes.out,
      fault: ended?.fault ?? null,
      isAborted: this.isCutOff || ended?.isAborted === true,
    };
  }

  /** What is in memory of a body, in one. */
  body(way: Way): Buffer {
    return Buffer.concat(this.pieces[way].map(({ data }) => data));
  }

  /** Bytes that passed and are not kept. */
  unkept(way: Way): number {
    return (way === 'in' ? this.ended?.unkeptIn : this.ended?.unkeptOut) ?? 0;
  }
}

/** The token's claim, from the header, or from the query as the web client's WebSocket sends it. */
function userOf(headers: readonly string[], target: string): string | null {
  const at = headers.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === 'authorization');
  const token = at === -1 ? /[?&](?:access_)?token=([^&]+)/.exec(target)?.[1] : headers[at + 1];
  const claims = /\.([\w-]+)\./.exec(token ?? '')?.[1];
  if (claims === undefined) return null;
  try {
    const { user_id: id, sub } = JSON.parse(Buffer.from(claims, 'base64url').toString());
    const user = id ?? sub;
    return typeof user === 'string' || typeof user === 'number' ? String(user) : null;
  } catch {
    return null;
  }
}
