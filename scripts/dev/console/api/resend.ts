/** Sends a request again, edited or as it was, byte for byte; what comes back appears as a request of its own. */
import { createReadStream } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import type { RequestRecord } from '../store/record.ts';
import type { Records } from '../store/records.ts';
import { type HeaderPair, pairsOf } from './heads.ts';
import { HIDDEN, maskHeader, maskText } from './mask.ts';

export interface Edited {
  readonly method?: string;
  readonly target?: string;
  readonly headers?: readonly HeaderPair[];
  /** Instead of the body that was sent. */
  readonly body?: string;
}

const SHOW_FIRST = 'A hidden value was edited: show the secrets first, then edit.';
/** We do not wait longer for an answer, which only the list shows, ms. */
const PATIENCE_MS = 120_000;

/** Framing of the first time, which would be wrong for another body. */
const FRAMING = new Set(['content-length', 'transfer-encoding', 'connection', 'expect', 'keep-alive']);

/** Resolves when it is sent. @throws Error with a sentence for what cannot be sent */
export async function resend(
  records: Records,
  record: RequestRecord,
  edited: Edited,
  port: number,
): Promise<void> {
  const { started } = record;
  const method = edited.method ?? started.method;
  const target = unmasked(edited.target ?? started.target, started.target, maskText(started.target));
  const headers = headersFor(record, edited).filter(([name]) => !FRAMING.has(name.toLowerCase()));
  check(method, target, headers);
  if (edited.body?.includes(HIDDEN)) throw new Error(SHOW_FIRST);
  const body = edited.body === undefined ? record.body('in') : Buffer.from(edited.body);
  const length = edited.body === undefined ? record.row().bytesIn : body.length;
  const framing =
    length > 0 || !/^(GET|HEAD|DELETE|OPTIONS)$/.test(method) ? `Content-Length: ${length}\r\n` : '';
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const head = `${method} ${target} HTTP/1.1\r\n${lines}${framing}Connection: close\r\n\r\n`;

  const socket = connect({ port, host: '127.0.0.1' });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', () => reject(new Error('The sidecar does not answer; it may be restarting.')));
  });
  records.expectResent(socket.localPort ?? 0, record.n);
  dropAnswer(socket);
  socket.write(head, 'latin1');
  if (edited.body === undefined && record.bodyFile !== undefined) {
    await pipeline(createReadStream(record.bodyFile), socket, { end: false });
  } else socket.write(body);
}

/** The list shows it. */
function dropAnswer(socket: Socket): void {
  socket.on('error', () => socket.destroy());
  socket.on('end', () => socket.destroy());
  socket.setTimeout(PATIENCE_MS, () => socket.destroy());
  socket.resume();
}

/** What the page shows as hidden is sent as it was. */
function headersFor({ started }: RequestRecord, { headers }: Edited): readonly HeaderPair[] {
  const original = pairsOf(started.headers);
  if (headers === undefined) return original;
  return headers.map(([name, value]) => {
    const was = original.find(([n, v]) => n === name && maskHeader(n, v) === value);
    return [name, was === undefined ? value : unmasked(value, was[1], value)] as const;
  });
}

const unmasked = (text: string, original: string, masked: string) =>
  text.includes(HIDDEN) && text === masked ? original : text;

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

function check(method: string, target: string, headers: readonly HeaderPair[]): void {
  if ([target, ...headers.flat()].some((text) => text.includes(HIDDEN))) throw new Error(SHOW_FIRST);
  if (!TOKEN.test(method)) throw new Error('The method is not valid.');
  if (!/^[\x21-\x7e\x80-\xff]+$/.test(target)) throw new Error('The address must be written without spaces.');
  for (const [name, value] of headers) {
    if (!TOKEN.test(name)) throw new Error(`"${name}" is no name of a header.`);
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) throw new Error(`The value of ${name} is not valid.`);
  }
}
