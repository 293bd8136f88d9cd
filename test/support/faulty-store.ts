/** An object store with somebody in front of it who loses, delays, refuses or changes what is asked and answered. */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { listen } from '../../scripts/lab/ports.ts';
import {
  type RunningStore,
  startTestObjectStore,
  storageEnv,
} from '../../scripts/lab/throwaway-object-store.ts';
import type { StorageConfig } from '../../src/config/config.ts';

export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** By a signature, in its head or its query. */
  readonly isSigned: boolean;
  /** Lets the store answer. @param change of the answer's fields, before they are sent */
  pass(change?: (headers: IncomingMessage['headers']) => void): void;
  /** Lets the store act, and then says nothing. @param done called behind it */
  passAndHang(done?: () => void): void;
  refuse(status: number, code: string, more?: string): void;
}

export type Intervention = (exchange: Exchange) => void;

/** `config` leads to the fault, the store's own is in `behind`. */
export async function startFaultyStore(
  fault: Intervention,
  ...options: Parameters<typeof startTestObjectStore>
): Promise<RunningStore & { readonly behind: RunningStore['config']; readonly dataDir: string }> {
  const store = await startTestObjectStore(...options);
  const { url, stop } = await startInFront(store.config, fault);
  return {
    config: { ...store.config, endpoint: url, publicBaseUrl: `${url}/media` },
    behind: store.config,
    dataDir: store.dataDir,
    async stop() {
      stop();
      await store.stop();
    },
  };
}

/**
 * `before`: cut without effect. `after`: done, and cut. `never`: done, and not answered. `hangs`: neither. `refused`: 403. A
 * number: that much later, ms.
 */
export type Fault = 'before' | 'after' | 'never' | 'hangs' | 'refused' | number;

/** In front of a store that runs. @param faultOf of each request; false: it goes through */
export async function startBrokenStore(
  config: StorageConfig,
  faultOf: (method: string, url: string) => Fault | false | Promise<Fault | false>,
) {
  const { url, stop } = await startInFront(config, async (exchange) => {
    const { req, pass, passAndHang, refuse } = exchange;
    const cut = () => req.socket.destroy();
    const fault = await faultOf(req.method ?? '', req.url ?? '');
    if (fault === 'before') cut();
    else if (fault === 'after') passAndHang(cut);
    else if (fault === 'never') passAndHang();
    else if (fault === 'refused') refuse(403, 'AccessDenied');
    else if (fault !== 'hangs') {
      if (fault !== false) await sleep(fault);
      pass();
    }
  });
  /** `env` is for a sidecar that is to use it. */
  return { env: storageEnv({ ...config, endpoint: url }), stop };
}

async function startInFront({ endpoint }: StorageConfig, answer: (exchange: Exchange) => unknown) {
  const port = Number(new URL(endpoint).port);
  const server = createServer((req, res) => answer(exchangeWith(port, req, res)));
  return {
    url: `http://127.0.0.1:${await listen(server)}`,
    stop() {
      server.closeAllConnections();
      server.close();
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
    passAndHang: (done) =>
      ask((answer) => {
        if (done !== undefined) answer.on('end', done);
        answer.resume();
      }),
    refuse(status, code, more = '') {
      req.resume();
      const xml = `<?xml version="1.0"?><Error><Code>${code}</Code>${more}</Error>`;
      res.writeHead(status, { 'Content-Type': 'application/xml' }).end(req.method === 'HEAD' ? '' : xml);
    },
  };
}
