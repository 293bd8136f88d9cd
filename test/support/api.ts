/**
 * Requests to our own routes as the clients send them. Each answer has to be one that docs/openapi.json describes.
 */
import { until } from '../../scripts/lab/programs.ts';
import { tokenFor } from '../../scripts/lab/tokens.ts';
import { assertDescribed } from './described-answer.ts';

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into the answer as a client would
  readonly body: any;
}

export interface ApiRequest {
  /** User whose token is sent; undefined: no Authorization header. */
  readonly user?: number;
  readonly token?: string;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is, instead of `json`. */
  readonly rawBody?: string | Buffer;
  readonly headers?: Record<string, string>;
  /** Asked of an earlier release, whose answers docs/openapi.json does not describe. */
  readonly isOfEarlierRelease?: boolean;
}

/**
 * On a machine that is busy enough some requests of many at once wait too long for a connection to the database: "Please
 * try again", as the clients do. For tests of what many at once leave behind.
 */
export async function untilAvailable(ask: () => Promise<ApiAnswer>): Promise<ApiAnswer> {
  const answer = await ask();
  return answer.status === 503 ? untilAvailable(ask) : answer;
}

/**
 * Resolves when a sidecar says that it can serve what needs the database. Then the tables are there, and it has connections: to
 * open the first one may take a busy machine longer than a request waits for it.
 */
export const untilReady = ({ url }: { readonly url: string }): Promise<void> =>
  until('the sidecar to be ready for the database', async () => {
    const { body } = await api('GET', `${url}/readyz`);
    return body.checks.database === 'ok';
  });

export async function api(method: string, url: string, request: ApiRequest = {}): Promise<ApiAnswer> {
  const token = request.token ?? (request.user === undefined ? undefined : tokenFor(request.user));
  const body = request.rawBody ?? (request.json === undefined ? undefined : JSON.stringify(request.json));
  const headers = {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...request.headers,
  };
  const answer = await fetch(url, {
    ...{ method, headers },
    // The browser's types of fetch, which test/browser is checked with, take no memory that is shared.
    ...(body === undefined ? {} : { body: body as string | Buffer<ArrayBuffer> }),
  });
  const text = await answer.text();
  const isJson = answer.headers.get('content-type')?.startsWith('application/json') && text !== '';
  const seen = { status: answer.status, headers: answer.headers, body: isJson ? JSON.parse(text) : text };
  if (request.isOfEarlierRelease !== true)
    assertDescribed({ method, url, requestHeaders: headers, json: request.json, ...seen });
  return seen;
}
