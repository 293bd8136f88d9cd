/**
 * Requests for the console: they come to the sidecar's port, so that there is one address, and are answered by the process of
 * `npm run dev`, whose memory outlives the sidecar's restarts.
 */
import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { clientConnectionOf } from '../../../../src/edge/client-connection.ts';
import { refusalOf } from '../guard.ts';
import { KEY_HEADER, type Link } from '../messages.ts';

export interface ConsoleAnswers {
  /** @returns true, as an event that has a listener */
  answer(req: IncomingMessage, res: ServerResponse): true;
  /** Ends what is still being sent. */
  endAll(): void;
}

export function createConsoleAnswers({ pagePort, key, sidecarPort }: Link): ConsoleAnswers {
  const open = new Set<ServerResponse>();
  return {
    answer(req, res) {
      // The sidecar's clock for a first request must not cut what it does not see.
      clientConnectionOf(req.socket).onRequest();
      // Kept open it would hold up the sidecar's end for a second.
      res.shouldKeepAlive = false;
      open.add(res);
      res.on('close', () => open.delete(res));
      const refusal = refusalOf(req, sidecarPort);
      if (refusal === null) passOn(req, res, { pagePort, key });
      else answerJson(res, 403, refusal);
      return true;
    },
    endAll() {
      for (const res of open) res.end();
    },
  };
}

function passOn(
  req: IncomingMessage,
  res: ServerResponse,
  { pagePort, key }: Pick<Link, 'pagePort' | 'key'>,
): void {
  const { method, url: path, headers } = req;
  const { connection: _, ...passed } = headers;
  const options = { host: '127.0.0.1', port: pagePort, method, path, agent: false } as const;
  const asked = request({ ...options, headers: { ...passed, [KEY_HEADER]: key } }, (answer) => {
    const { connection: _, 'transfer-encoding': __, ...fields } = answer.headers;
    res.writeHead(answer.statusCode ?? 502, fields);
    res.flushHeaders();
    answer.pipe(res);
    answer.on('error', () => res.destroy());
  });
  asked.on('error', () => {
    if (res.headersSent) res.destroy();
    else answerJson(res, 502, GONE);
  });
  res.on('close', () => asked.destroy());
  req.pipe(asked);
}

const GONE = {
  detail: 'The console has ended. Start it again: npm run dev.',
  code: 'console_gone',
};

function answerJson(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
  res.end(JSON.stringify(body));
}
