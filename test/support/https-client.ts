/** Requests as a client on the internet sends them: TLS, a connection each, headers as they came. */
import { once } from 'node:events';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

export interface ClientRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Sent as application/json instead of `body`. */
  readonly json?: unknown;
  /** Adds the Authorization header. */
  readonly token?: string;
  /** PEM of the issuer to trust. */
  readonly ca?: Buffer;
  /** Address to come from, e.g. 127.0.0.2. */
  readonly localAddress?: string;
}

export interface ClientAnswer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  /** name, value, name, value … as they came. */
  readonly rawHeaders: readonly string[];
  readonly body: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into the answer as a client would
  readonly json: any;
}

/** A client that hangs has failed, ms. */
const PATIENCE_MS = 60_000;

export async function send(url: string, request: ClientRequest = {}): Promise<ClientAnswer> {
  const { method = 'GET', json, token, ca, localAddress } = request;
  const body = json === undefined ? request.body : JSON.stringify(json);
  const headers = {
    ...(json === undefined ? {} : { 'Content-Type': 'application/json' }),
    ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    ...(body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }),
    ...request.headers,
  };
  const start = url.startsWith('https:') ? requestHttps : requestHttp;
  const outgoing = start(url, {
    method,
    headers,
    agent: false,
    ...(ca === undefined ? {} : { ca }),
    ...(localAddress === undefined ? {} : { localAddress }),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  outgoing.end(body);
  const [incoming] = await once(outgoing, 'response');
  const chunks: Buffer[] = await incoming.toArray();
  const text = Buffer.concat(chunks).toString();
  return {
    status: incoming.statusCode,
    headers: incoming.headers,
    rawHeaders: incoming.rawHeaders,
    body: text,
    get json() {
      return JSON.parse(text);
    },
  };
}
