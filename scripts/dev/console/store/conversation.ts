/** What is said on a WebSocket, both ways: messages put together, inflated, and close codes. */
import { constants, inflateRawSync } from 'node:zlib';
import type { Way } from '../messages.ts';
import { frameSplitter, OPCODES, type RawFrame } from '../web-socket-frames.ts';

export interface SaidMessage {
  /** ms since the handshake. */
  readonly at: number;
  readonly way: Way;
  readonly kind: 'text' | 'binary' | 'ping' | 'pong' | 'close';
  /** Of `binary` in hexadecimal. */
  readonly text: string;
  /** On the wire, without the frames' heads. */
  readonly bytes: number;
  readonly isCompressed: boolean;
  readonly frames: number;
  /** Of `close`; null: it has none. */
  readonly code: number | null;
}

const MAX_MESSAGES = 2_000;
const MAX_TEXT = 20_000;
const MAX_INFLATED_BYTES = 4 * 1024 * 1024;
/** How far back deflate refers (RFC 1951). */
const WINDOW_BYTES = 32 * 1024;
/** What the sender has taken off the end (RFC 7692 §7.2.1). */
const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);

export class Conversation {
  readonly messages: SaidMessage[] = [];
  readonly #sides: Record<Way, (piece: Uint8Array) => void>;
  #at = 0;

  /** @param responseHead of the 101: what was agreed on */
  constructor(responseHead: string) {
    const extension = /\r\nsec-websocket-extensions:([^\r]*)/i.exec(responseHead)?.[1] ?? '';
    this.#sides = {
      in: this.#side('in', !/client_no_context_takeover/.test(extension)),
      out: this.#side('out', !/server_no_context_takeover/.test(extension)),
    };
  }

  pass(way: Way, piece: Uint8Array, at: number): void {
    this.#at = at;
    this.#sides[way](piece);
  }

  #side(way: Way, takesOver: boolean): (piece: Uint8Array) => void {
    const inflate = createInflate(takesOver);
    let parts: RawFrame[] = [];
    return frameSplitter((frame) => {
      if (frame.opcode >= OPCODES.close) {
        this.#say(way, [frame], frame.payload);
        return;
      }
      parts.push(frame);
      if (!frame.fin) return;
      const payload = Buffer.concat(parts.map(({ payload }) => payload));
      this.#say(way, parts, parts[0]?.isCompressed ? inflate(payload) : payload);
      parts = [];
    });
  }

  #say(way: Way, frames: readonly RawFrame[], payload: Buffer | null): void {
    const [first] = frames;
    const kind = KINDS[first?.opcode ?? 0] ?? 'binary';
    const code = kind === 'close' && payload !== null && payload.length >= 2 ? payload.readUInt16BE(0) : null;
    this.messages.push({
      ...{ at: this.#at, way, kind, code, frames: frames.length },
      text: textOf(kind, payload),
      bytes: frames.reduce((sum, { bytes }) => sum + bytes, 0),
      isCompressed: first?.isCompressed ?? false,
    });
    if (this.messages.length > MAX_MESSAGES) this.messages.shift();
  }
}

const KINDS: Readonly<Record<number, SaidMessage['kind']>> = {
  [OPCODES.text]: 'text',
  [OPCODES.binary]: 'binary',
  [OPCODES.close]: 'close',
  [OPCODES.ping]: 'ping',
  [OPCODES.pong]: 'pong',
};

function textOf(kind: SaidMessage['kind'], payload: Buffer | null): string {
  if (payload === null) return '(could not be inflated)';
  if (kind === 'binary') return payload.toString('hex', 0, MAX_TEXT / 2);
  return payload.toString('utf8', kind === 'close' ? 2 : 0).slice(0, MAX_TEXT);
}

/** Each message may refer to what was said before it: that is handed to the next one as its dictionary. */
function createInflate(takesOver: boolean): (payload: Buffer) => Buffer | null {
  let said: Buffer = Buffer.alloc(0);
  return (payload) => {
    const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: MAX_INFLATED_BYTES };
    try {
      const dictionary = said.length > 0 ? { dictionary: said } : {};
      const message = inflateRawSync(Buffer.concat([payload, TAIL]), { ...options, ...dictionary });
      if (takesOver) said = Buffer.concat([said, message]).subarray(-WINDOW_BYTES);
      return message;
    } catch {
      return null;
    }
  };
}
