/** One request as a client or a browser makes it, with nothing of the sidecar's in between. */

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Its beginning. */
  readonly body: Buffer;
}

export interface ExchangeOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly signal: AbortSignal;
}

/** There was none. */
export class NoAnswer extends Error {
  /** `GET https://…`, without path and query. */
  readonly asked: string;
  /** Node's, e.g. ENOTFOUND; null: it has none. */
  readonly code: string | null;

  constructor(asked: string, cause: unknown) {
    super(`${asked}: no answer`, { cause });
    this.asked = asked;
    this.code = cause instanceof Error && 'code' in cause ? String(cause.code) : null;
  }
}

/** Of a refusal the beginning says why; of a file of ours this is all. */
const MAX_BODY_BYTES = 64 * 1024;

/** Redirects are an answer. @throws NoAnswer, or the reason of `signal` */
export async function exchange(
  method: string,
  url: string,
  { headers = {}, body, signal }: ExchangeOptions,
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    // Compressed bytes have other ranges.
    headers: { 'accept-encoding': 'identity', ...headers },
    ...(body === undefined ? {} : { body }),
    redirect: 'manual',
    signal,
  }).catch((error) => {
    // fetch()'s own message says nothing.
    throw error instanceof TypeError ? new NoAnswer(`${method} ${new URL(url).origin}`, error.cause) : error;
  });
  return { status: response.status, headers: response.headers, body: await startOf(response) };
}

async function startOf(response: Response): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop early cancels the rest.
  for await (const piece of response.body ?? []) {
    pieces.push(piece);
    length += piece.length;
    if (length >= MAX_BODY_BYTES) break;
  }
  return Buffer.concat(pieces).subarray(0, MAX_BODY_BYTES);
}

/** What S3 says of a refusal: its code, and the region in which the bucket is, when it says that. */
export function refusalIn({ headers, body }: Answer): { code: string | null; region: string | null } {
  const text = body.toString('latin1');
  const code = /<Code>([A-Za-z][\w.]{0,63})<\/Code>/.exec(text)?.[1] ?? null;
  const named = /<Region>([a-z0-9-]{1,40})<\/Region>/.exec(text)?.[1] ?? headers.get('x-amz-bucket-region');
  return { code, region: named !== null && /^[a-z0-9-]{1,40}$/.test(named) ? named : null };
}
