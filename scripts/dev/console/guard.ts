/**
 * Who may see the console. It has no password and shows tokens, so it answers this machine alone: a peer on loopback,
 * by a name that only this machine has. Without the list of names a page of somebody's whose DNS name turns into
 * 127.0.0.1 could read everything (DNS rebinding), and without the look at Origin any page could send a form here.
 */
import type { IncomingMessage } from 'node:http';

export const CONSOLE_PATH = '/dev';

export interface Refusal {
  readonly detail: string;
  readonly code: string;
}

/** `/dev` and what is below it. @param target as received */
export const isConsoleTarget = (target: string): boolean => /^\/dev(?:[/?]|$)/.test(target);

/** Why a request is refused; null: it may pass. @param port that the sidecar listens on */
export function refusalOf(req: IncomingMessage, port: number): Refusal | null {
  const names = [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`];
  const address = `http://${names[0]}${CONSOLE_PATH}`;
  if (!isLoopback(req.socket.remoteAddress)) {
    const detail = `The console answers only on the machine that it runs on: open ${address} there.`;
    return { code: 'console_not_local', detail };
  }
  if (PROXY_HEADERS.some((name) => req.headers[name] !== undefined)) {
    const detail = `The console does not answer through a proxy: open ${address} directly.`;
    return { code: 'console_behind_proxy', detail };
  }
  if (!names.includes(req.headers.host?.toLowerCase() ?? '')) {
    return {
      code: 'console_wrong_host',
      detail: `The console does not know this host name: open ${address}.`,
    };
  }
  if (!isSafe(req.method) && !isOwnPage(req, names)) {
    const detail = `Another page asked for a change. Only the console's own page may: open ${address}.`;
    return { code: 'console_cross_origin', detail };
  }
  return null;
}

/** What a proxy on this machine adds: behind one everybody looks local. */
const PROXY_HEADERS = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'];

const isLoopback = (address: string | undefined) =>
  address !== undefined && /^(?:(?:::ffff:)?127\.|::1$)/.test(address);

const isSafe = (method: string | undefined) => method === 'GET' || method === 'HEAD';

/** A browser sends at least one of the two with whatever changes something; who sends neither is no web page. */
function isOwnPage({ headers }: IncomingMessage, names: readonly string[]): boolean {
  const { origin, 'sec-fetch-site': site } = headers;
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  return origin === undefined || names.some((name) => origin === `http://${name}`);
}
