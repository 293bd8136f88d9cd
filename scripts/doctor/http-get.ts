/** One GET on a connection of its own, by TCP or a unix socket. */
import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import type { BackendAddress } from '../../src/config/values.ts';

export interface Got {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** When it was sent and when its head came, by this machine's clock, ms. */
  readonly sentAt: number;
  readonly headAt: number;
}

const MAX_BODY_BYTES = 64 * 1024;

/** @throws Error when nothing comes, or the signal ends it */
export async function httpGet(where: BackendAddress, path: string, signal: AbortSignal): Promise<Got> {
  const sentAt = Date.now();
  const asked = request({
    ...(where.kind === 'unix' ? { socketPath: where.path } : { host: where.host, port: where.port }),
    ...{ path, agent: false, signal, headers: { host: 'localhost', connection: 'close' } },
  });
  asked.on('error', () => undefined).end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  const headAt = Date.now();
  let body = '';
  answer.setEncoding('utf8');
  for await (const text of answer) {
    body += text;
    if (body.length > MAX_BODY_BYTES) break;
  }
  asked.destroy();
  return { status: answer.statusCode ?? 0, headers: answer.headers, body, sentAt, headAt };
}

/** How far this machine's clock is ahead of a `Date` header, ms; null: there is none. It has whole seconds. */
export function aheadOf({ headers, sentAt, headAt }: Got): number | null {
  const date = Date.parse(headers.date ?? '');
  return Number.isNaN(date) ? null : (sentAt + headAt) / 2 - (date + 500);
}

/** Why nothing came, in one line. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  return error.message === '' ? String(code ?? error.name) : error.message.replace(/\s+/g, ' ');
}
