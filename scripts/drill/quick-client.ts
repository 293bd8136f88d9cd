/**
 * One kept connection for requests that cost the sidecar less than a KeepAliveClient costs its sender. It understands answers
 * that have a length, and makes no new connection: one that breaks fails what is sent on it.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type Answer, judge, type LoadRequest, REASON, type Sample } from './sample.ts';

const HEAD_END = '\r\n\r\n';
const LENGTH = /\r\ncontent-length: *(\d+)/i;

export class QuickClient {
  readonly #socket: Socket;
  #received = '';
  /** Told of the answer that is awaited; undefined: the connection broke. */
  #onAnswer: ((answer: Answer | undefined) => void) | undefined;

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
      .on('data', (bytes: Buffer) => this.#onData(bytes))
      .on('error', () => undefined)
      .on('close', () => this.#onAnswer?.(undefined));
  }

  async open(): Promise<void> {
    await once(this.#socket, 'connect');
  }

  /** Sends one request, not before the answer to the last; never throws. */
  perform(request: LoadRequest): Promise<Sample> {
    const { id, label, method } = request;
    const startedAt = performance.now();
    const { promise, resolve } = Promise.withResolvers<Sample>();
    this.#onAnswer = (answer) => {
      const endedAt = performance.now();
      const verdict = answer === undefined ? BROKEN : judge(request, answer);
      resolve({ id, label, method, startedAt, endedAt, raced: false, ...verdict });
    };
    if (this.#socket.destroyed) this.#onAnswer(undefined);
    else this.#socket.write(request.bytes, 'latin1');
    return promise;
  }

  close(): void {
    this.#socket.destroy();
  }

  #onData(bytes: Buffer): void {
    this.#received += bytes.toString('latin1');
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd === -1) return;
    const head = this.#received.slice(0, headEnd);
    const body = this.#received.slice(headEnd + HEAD_END.length);
    if (body.length < Number(LENGTH.exec(head)?.[1])) return;
    this.#received = '';
    const header = (name: string) => new RegExp(`\r\n${name}: *([^\r]*)`, 'i').exec(head)?.[1];
    this.#onAnswer?.({ startLine: head.slice(0, head.indexOf('\r\n')), body, header });
  }
}

const BROKEN = { outcome: 'failed', status: null, reason: REASON.unanswered } as const;
