/**
 * The backend of the drills, a program of its own so that it can be killed: it does what the query of each request says
 * and closes idle connections when it was told to.
 */
import { openSync, writeSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { WebSocketServer } from 'ws';
import { journalLine } from './journal.ts';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '' },
    journal: { type: 'string', default: '' },
    /** An idle connection is closed after this, ms; 0: never. */
    'idle-close-ms': { type: 'string', default: '0' },
    /** Takes a connection's second request and closes without a word: the worst moment there is. */
    'close-on-next': { type: 'boolean', default: false },
  },
});

/** Between the first half of a body and the reset: a reset throws away what the other side has not read, ms. */
const BEFORE_RESET_MS = 20;

const journal = openSync(options.journal, 'a');
const served = new WeakSet<Socket>();
let closedInRaces = 0;

async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { socket, method = '' } = req;
  const { pathname, searchParams: query } = new URL(req.url ?? '', 'http://backend');
  const id = pathname.slice(pathname.lastIndexOf('/') + 1);
  const write = () => writeSync(journal, journalLine(method, id));
  if (options['close-on-next'] && served.has(socket)) {
    write();
    closeInRace(socket);
    return;
  }
  const { length: received } = await buffer(req);
  write();
  served.add(socket);
  const body = JSON.stringify({ id, received, padding: 'x'.repeat(Number(query.get('bytes'))) });
  const act = query.get('act') ?? 'answer';
  // Said by ourselves, since node:http would add a hint of the idle limit that uvicorn does not send.
  res.setHeader('connection', act === 'cut-close' ? 'close' : 'keep-alive');
  res.setHeader('content-type', 'application/json');
  if (act.startsWith('cut-')) cut(act, body, res);
  else if (act === 'answer') setTimeout(() => res.end(body), Number(query.get('delay')));
}

/** In turns as a process that closes (FIN, or RST for unread bytes) and as one that died (RST). */
function closeInRace(socket: Socket): void {
  closedInRaces += 1;
  if (closedInRaces % 2 === 0) socket.resetAndDestroy();
  else socket.destroy();
}

/** Half a body, framed by its length, by chunks, or by the end of the connection; then a reset. */
function cut(act: string, body: string, res: ServerResponse): void {
  if (act === 'cut-length') res.setHeader('content-length', body.length);
  res.useChunkedEncodingByDefault = act === 'cut-chunked';
  res.write(body.slice(0, body.length / 2));
  setTimeout(() => res.socket?.resetAndDestroy(), BEFORE_RESET_MS);
}

const limits = { requestTimeout: 0, headersTimeout: 0, keepAliveTimeoutBuffer: 0 };
const server = createServer({ ...limits, keepAliveTimeout: Number(options['idle-close-ms']) }, (req, res) => {
  handle(req, res).catch(() => req.destroy());
});
const webSockets = new WebSocketServer({ noServer: true });
server.on('upgrade', (req, socket, head) => {
  webSockets.handleUpgrade(req, socket, head, (webSocket) => {
    webSocket.on('message', (message, isBinary) => webSocket.send(message, { binary: isBinary }));
    webSocket.on('error', () => webSocket.terminate());
  });
});
server.listen(Number(options.port), '127.0.0.1');
