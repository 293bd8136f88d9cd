/** A receiver of events on loopback that verifies every delivery with the package's own verifier. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';

export const WEBHOOK_SECRET = `whsec_${Buffer.from('a key of thirty-two bytes, no less').toString('base64')}`;

export interface Delivery {
  readonly id: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly event: {
    readonly type: string;
    readonly timestamp: string;
    readonly data: Record<string, unknown>;
  };
}

export interface WebhookReceiver {
  readonly url: string;
  /** Those whose signature is right, in order of arrival. */
  readonly deliveries: readonly Delivery[];
  /** What was wrong with the others. */
  readonly complaints: readonly string[];
  /** From now on. The default is a 200. */
  answer(respond: (res: ServerResponse, delivery: Delivery) => void): void;
  /** Resolves when so many have come, all in all. @throws after a minute */
  until(count: number): Promise<void>;
  stop(): Promise<void>;
}

export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const verifier = new Webhook(WEBHOOK_SECRET);
  const deliveries: Delivery[] = [];
  const complaints: string[] = [];
  let respond: (res: ServerResponse, delivery: Delivery) => void = (res) => res.end('thank you');
  const server = createServer(async (req, res) => {
    try {
      const body = await text(req);
      const event = verifier.verify(body, req.headers as Record<string, string>) as Delivery['event'];
      const delivery = { id: String(req.headers['webhook-id']), headers: req.headers, body, event };
      deliveries.push(delivery);
      respond(res, delivery);
    } catch (error) {
      complaints.push(String(error));
      res.writeHead(400).end();
    }
    server.emit('received');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks/`,
    deliveries,
    complaints,
    answer(next) {
      respond = next;
    },
    async until(count) {
      const signal = AbortSignal.timeout(60_000);
      while (deliveries.length < count) await once(server, 'received', { signal });
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
