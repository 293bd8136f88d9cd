/**
 * One keep-alive connection that sends the same small request again and again and checks every answer.
 */
import { once } from 'node:events';
import { getRequest, POST_BYTES, PRODUCTS, postRequest, productBody, receivedBody } from '../traffic.ts';
import type { LoadClient, LoopEvents } from './closed-loop.ts';
import { type LoadSocket, openLoadSocket } from './load-socket.ts';
import { readAnswer } from './read-answer.ts';

export class HttpClient implements LoadClient {
  readonly opened: Promise<unknown>;
  loop: LoopEvents | undefined;
  sentAt = 0;
  readonly #connection: LoadSocket;
  readonly #request: Buffer;
  readonly #expected: Buffer;
  #pending: Buffer | undefined;

  /** @param index of the connection: decides which product it asks for */
  constructor(port: number, method: 'GET' | 'POST', index: number) {
    const product = index % PRODUCTS;
    this.#request = method === 'GET' ? getRequest(product) : postRequest(product);
    this.#expected = method === 'GET' ? productBody(product) : receivedBody(POST_BYTES);
    this.#connection = openLoadSocket(port, (reason) => this.loop?.onWrong(reason));
    this.opened = once(this.#connection.socket, 'connect');
    this.#connection.socket.on('data', (chunk: Buffer) => this.#onData(chunk));
  }

  send(): void {
    this.#connection.socket.write(this.#request);
  }

  close(): void {
    this.#connection.close();
  }

  #onData(chunk: Buffer): void {
    const bytes = this.#pending === undefined ? chunk : Buffer.concat([this.#pending, chunk]);
    this.#pending = undefined;
    const answer = readAnswer(bytes, this.#expected);
    if (answer === 'incomplete') this.#pending = bytes;
    else if (answer === 'right') this.loop?.onAnswer(this);
    else this.loop?.onWrong(answer.wrong);
  }
}
