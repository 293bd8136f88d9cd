/**
 * A client that sends one request after the other on one connection, and opens a new one when it must.
 */
import { connect, type Socket } from 'node:net';
import { type Reading, readFinalResponse } from './reference-reader.ts';

export interface Answer {
  /** Everything received for this request, as latin1. */
  readonly received: string;
  readonly reading: Reading;
  /** The connection is still open. */
  readonly open: boolean;
}

const PATIENCE_MS = 8_000;

export class KeepAliveClient {
  readonly #port: number;
  #socket: Socket | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  /** Sends a request and waits for the whole answer or the end of the connection. */
  async send(method: string, bytes: string): Promise<Answer> {
    const socket = this.#open();
    let received = '';
    const read = (ended: boolean) => readFinalResponse(received, method, ended);
    return new Promise<Answer>((resolve) => {
      const settle = (reading: Reading, open: boolean) => {
        clearTimeout(timer);
        socket.removeListener('data', onData).removeListener('close', onClose);
        const more = reading.kind === 'complete' && reading.message.end < received.length;
        // Bytes behind an answer belong to nobody; the next request must not find them.
        const closes = reading.kind !== 'complete' || /\r\nconnection: close\r\n/i.test(received);
        if (closes || more || !open) this.close();
        resolve({
          received,
          reading: more ? { kind: 'invalid', why: 'bytes behind the response' } : reading,
          open,
        });
      };
      const onData = (chunk: Buffer) => {
        received += chunk.toString('latin1');
        const reading = read(false);
        if (reading.kind !== 'incomplete') settle(reading, true);
      };
      const onClose = () => settle(read(true), false);
      const timer = setTimeout(() => settle(read(false), true), PATIENCE_MS);
      socket.on('data', onData).on('close', onClose);
      socket.write(bytes, 'latin1');
    });
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  #open(): Socket {
    if (this.#socket === undefined || !this.#socket.writable || this.#socket.readableEnded) {
      this.close();
      this.#socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true });
      this.#socket.on('error', () => undefined);
    }
    return this.#socket;
  }
}
