/** A door in front of the object store, which counts what is PUT through it, and can hold, cut and refuse it. */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { listen } from '../../scripts/lab/ports.ts';

export interface SeenPut {
  /** 1 for a single PUT as well. */
  readonly part: number;
  /** Without those of S3's own. */
  readonly contentType: string | undefined;
  /** null: under way; 0: broken off. */
  status: number | null;
}

/**
 * `hold`: nothing of its body is read until `release`. `swallow`: all of it, and there is no answer. `cut`: the connection is
 * reset in the middle of it. A number: that status.
 */
type Verdict = 'pass' | 'hold' | 'swallow' | 'cut' | number;

export type StorageGate = Awaited<ReturnType<typeof startStorageGate>>;

/** Of a body, before it is cut. */
const CUT_AFTER_BYTES = 256 * 1024;

/** @param storeUrl of the object store; both are addressed by the gate's `url` */
export async function startStorageGate(storeUrl: string) {
  const puts: SeenPut[] = [];
  const held: (() => void)[] = [];
  let judge: (put: SeenPut) => Verdict = () => 'pass';

  const server = createServer((req, res) => {
    if (req.method !== 'PUT') {
      pass(storeUrl, req, res);
      return;
    }
    const part = Number(new URL(req.url ?? '/', storeUrl).searchParams.get('partNumber') ?? 1);
    const put: SeenPut = { part, contentType: req.headers['content-type'], status: null };
    puts.push(put);
    res.once('close', () => {
      put.status = res.writableFinished ? res.statusCode : 0;
    });
    const verdict = judge(put);
    if (verdict === 'pass') pass(storeUrl, req, res);
    else if (verdict === 'hold') held.push(() => pass(storeUrl, req, res));
    else if (verdict === 'swallow') req.resume();
    else if (verdict === 'cut') cut(req);
    else res.writeHead(verdict, { 'Access-Control-Allow-Origin': '*', Connection: 'close' }).end();
  });
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}`,
    puts,
    /** What becomes of every PUT from now on. */
    judge(next: (put: SeenPut) => Verdict) {
      judge = next;
    },
    /** Lets go on what is held. */
    release() {
      for (const go of held.splice(0)) go();
    },
    /** Forgets what it has seen, and lets everything pass. */
    reset() {
      puts.length = 0;
      held.length = 0;
      judge = () => 'pass';
    },
    /** How often each part was PUT, from the first. */
    timesPut(status?: number) {
      const counted = puts.filter((put) => status === undefined || put.status === status);
      const most = Math.max(...puts.map(({ part }) => part));
      return Array.from({ length: most }, (_, i) => counted.filter(({ part }) => part === i + 1).length);
    },
    async stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** With the Host that was signed. */
function pass(storeUrl: string, req: IncomingMessage, res: ServerResponse): void {
  const onward = request(`${storeUrl}${req.url}`, { method: req.method ?? 'GET', headers: req.headers });
  onward.once('response', (answer) => {
    res.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
    pipeline(answer, res).catch(() => undefined);
  });
  onward.once('error', () => res.destroy());
  pipeline(req, onward).catch((error) => onward.destroy(error));
}

function cut(req: IncomingMessage): void {
  let bytes = 0;
  req.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes >= CUT_AFTER_BYTES) req.socket.resetAndDestroy();
  });
  req.on('error', () => undefined);
}
