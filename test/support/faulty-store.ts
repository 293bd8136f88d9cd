/** The development store with somebody in front of it who answers some requests otherwise. */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { listen } from '../../scripts/lab/ports.ts';
import { type RunningStore, startTestObjectStore } from '../../scripts/lab/throwaway-object-store.ts';

export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** By a signature, in its head or its query. */
  readonly isSigned: boolean;
  /** Lets the store answer. @param change of the answer's fields, before they are sent */
  pass(change?: (headers: IncomingMessage['headers']) => void): void;
  /** Lets the store act, and then says nothing. */
  passAndHang(): void;
  refuse(status: number, code: string, more?: string): void;
}

export type Fault = (exchange: Exchange) => void;

/** `config` leads to the fault, the store's own is in `behind`. */
export async function startFaultyStore(
  fault: Fault,
  ...options: Parameters<typeof startTestObjectStore>
): Promise<RunningStore & { readonly behind: RunningStore['config']; readonly dataDir: string }> {
  const store = await startTestObjectStore(...options);
  const { port } = new URL(store.config.endpoint);
  const server = createServer((req, res) => fault(exchangeWith(Number(port), req, res)));
  const url = `http://127.0.0.1:${await listen(server)}`;
  return {
    config: { ...store.config, endpoint: url, publicBaseUrl: `${url}/media` },
    behind: store.config,
    dataDir: store.dataDir,
    async stop() {
      server.closeAllConnections();
      server.close();
      await store.stop();
    },
  };
}

function exchangeWith(port: number, req: IncomingMessage, res: ServerResponse): Exchange {
  const ask = (answered: (answer: IncomingMessage) => void) => {
    const { method, url, headers } = req;
    // With the Host as it came: it is signed.
    const asked = request({ port, host: '127.0.0.1', method, path: url, headers }, answered);
    asked.on('error', () => res.destroy());
    req.pipe(asked);
  };
  return {
    req,
    res,
    isSigned: req.headers.authorization !== undefined || /[?&]X-Amz-Signature=/.test(req.url ?? ''),
    pass: (change) =>
      ask((answer) => {
        change?.(answer.headers);
        answer.pipe(res.writeHead(answer.statusCode ?? 500, answer.headers));
      }),
    passAndHang: () => ask((answer) => answer.resume()),
    refuse(status, code, more = '') {
      req.resume();
      const xml = `<?xml version="1.0"?><Error><Code>${code}</Code>${more}</Error>`;
      res.writeHead(status, { 'Content-Type': 'application/xml' }).end(req.method === 'HEAD' ? '' : xml);
    },
  };
}
