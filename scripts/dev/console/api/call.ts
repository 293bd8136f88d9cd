/** What every call of the console's API has in common. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Faults } from '../faults.ts';
import type { State } from '../state/state.ts';
import type { Receiver } from '../store/receiver.ts';
import type { RequestRecord } from '../store/record.ts';
import type { Records } from '../store/records.ts';

export interface ConsoleApi {
  readonly records: Records;
  /** Of the sidecar, e.g. `http://127.0.0.1:8010`. */
  readonly origin: string;
  readonly sidecarPort: number;
  readonly key: string;
  readonly receiver: Receiver;
  /** As a browser reaches it; null: only through a socket of this machine. */
  readonly backendUrl: string | null;
  /** Origins of the storage, as browsers reach it. */
  readonly storageOrigins: readonly string[];
  readonly state: State;
  /** Those of this moment. */
  faults: Faults;
}

/** What is asked, and what it is answered with. */
export interface Call {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly query: URLSearchParams;
  /** What the pattern of the route has found. */
  readonly found: readonly string[];
}

/** An answer with a sentence for whoever uses the page. */
export class Refused extends Error {
  readonly status: number;
  constructor(status: number, sentence: string) {
    super(sentence);
    this.status = status;
  }
}

export function recordOf(records: Records, [n]: readonly string[]): RequestRecord {
  const record = records.get(Number(n));
  if (record === undefined) throw new Refused(404, 'This request is no longer kept.');
  return record;
}

const MAX_INPUT_BYTES = 16 * 1024 * 1024;

export async function readJson(req: IncomingMessage): Promise<object> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of req) {
    bytes += piece.length;
    if (bytes > MAX_INPUT_BYTES) throw new Refused(413, 'This is too much.');
    pieces.push(piece);
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(pieces).toString() || '{}');
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Said below.
  }
  throw new Refused(400, 'The body must be a JSON object.');
}

export function json(res: ServerResponse, status: number, body: object): void {
  res.statusCode = status;
  send(res, 'application/json', JSON.stringify(body));
}

export function send(res: ServerResponse, type: string, content: string | Buffer): void {
  res.setHeader('Content-Type', type);
  res.end(content);
}
