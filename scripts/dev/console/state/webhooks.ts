/** A receiver of webhooks for development: takes what the sidecar sends, checks its signature, keeps the latest. */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';
import { listen } from '../../../lab/ports.ts';
import { HIDDEN, maskHeader } from '../api/mask.ts';

export interface ReceivedWebhook {
  /** From 1, in the order of their arrival. */
  readonly n: number;
  /** ms since 1970. */
  readonly at: number;
  /** The webhook-id: the same in every attempt. */
  readonly id: string;
  readonly type: string;
  /** Which attempt of this event it is, as far as is remembered. */
  readonly attempt: number;
  /** null: the signature is right. */
  readonly problem: string | null;
  /** What it was answered with. */
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

export interface Webhooks {
  /** What the sidecar has to be told. */
  readonly env: Readonly<Record<'EVENTS_WEBHOOK_URL' | 'EVENTS_WEBHOOK_SECRET', string>>;
  /** Latest first. */
  list(): readonly ReceivedWebhook[];
  /** What the next ones are answered with: anything but 2xx is tried again. */
  answerWith(status: number): void;
  status(): number;
  clear(): void;
  stop(): void;
}

const KEPT = 200;
const DEFAULT_STATUS = 204;

export async function openWebhooks(): Promise<Webhooks> {
  const secret = `whsec_${randomBytes(24).toString('base64')}`;
  const received: ReceivedWebhook[] = [];
  const attempts = new Map<string, number>();
  let status = DEFAULT_STATUS;
  let count = 0;
  const take = async (req: IncomingMessage): Promise<number> => {
    const body = await text(req);
    const id = String(req.headers['webhook-id'] ?? '');
    const attempt = (attempts.get(id) ?? 0) + 1;
    attempts.set(id, attempt);
    count += 1;
    received.unshift({
      ...{ n: count, at: Date.now(), id, attempt, status, body },
      type: typeOf(body),
      problem: problemOf(new Webhook(secret), body, req),
      headers: shownHeaders(req),
    });
    for (const old of received.splice(KEPT)) attempts.delete(old.id);
    return status;
  };
  const server = createServer((req, res) => {
    take(req).then(
      (answer) => res.writeHead(answer).end(),
      () => res.destroy(),
    );
  });
  const port = await listen(server);
  return {
    env: { EVENTS_WEBHOOK_URL: `http://127.0.0.1:${port}/`, EVENTS_WEBHOOK_SECRET: secret },
    list: () => received,
    answerWith: (wanted) => {
      status = wanted;
    },
    status: () => status,
    clear: () => void received.splice(0),
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function problemOf(signer: Webhook, body: string, req: IncomingMessage): string | null {
  try {
    signer.verify(body, req.headers as Record<string, string>);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function typeOf(body: string): string {
  try {
    return String(JSON.parse(body).type);
  } catch {
    return '';
  }
}

function shownHeaders({ rawHeaders }: IncomingMessage): (readonly [string, string])[] {
  const pairs: (readonly [string, string])[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const [name = '', value = ''] = rawHeaders.slice(i, i + 2);
    const isSignature = name.toLowerCase() === 'webhook-signature';
    pairs.push([name, isSignature ? value.replace(/,.*/, `,${HIDDEN}`) : maskHeader(name, value)]);
  }
  return pairs;
}
