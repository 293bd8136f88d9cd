/**
 * What a request may look like by the time the backend sees it, and how it must resemble what the client sent.
 */
import { type Field, type ReadMessage, valuesOf } from './reference-reader.ts';

const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];
/** End-to-end fields that no Connection header can take away. */
const PROTECTED = ['host', 'authorization', 'cookie', 'content-length', 'content-type', 'x-request-id'];

/** Everything about a request at the backend that must not be; empty when it is as it should be. */
export function problemsOf(message: ReadMessage): string[] {
  const [method, target, version] = message.start;
  const isHandshake = valuesOf(message, 'upgrade').join() === 'websocket';
  const problems: string[] = [];
  if (version !== 'HTTP/1.1') problems.push('a version other than HTTP/1.1');
  if (!target.startsWith('/') || target.startsWith('//')) problems.push('a target that is not a path');
  if (target.includes('#')) problems.push('a fragment in the target');
  if (valuesOf(message, 'host').length !== 1) problems.push('not exactly one Host');
  if (valuesOf(message, 'x-request-id').length === 0) problems.push('no X-Request-Id');
  if (method === 'TRACE' || method === 'CONNECT') problems.push(`the method ${method}`);
  for (const name of [...HOP_BY_HOP, 'expect']) {
    if (name === 'transfer-encoding') continue;
    const isOurs = isHandshake && (name === 'connection' || name === 'upgrade');
    if (valuesOf(message, name).length > (isOurs ? 1 : 0)) problems.push(`the hop-by-hop field ${name}`);
  }
  if (isOurRoute(method, target)) problems.push('a request for a route of ours');
  return problems;
}

/** Whether a request is ours, or would be once its path is decoded or its dot segments are gone (docs/contract.md, 2). */
function isOurRoute(method: string, target: string): boolean {
  const raw = target.split('?', 1)[0] ?? '';
  const owned = routeOf(raw);
  if (owned !== null) return owned.includes(method);
  const decoded = raw.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return [decoded, withoutDots(raw), withoutDots(decoded)].some((path) => routeOf(path) !== null);
}

/** The methods that we own on a path; null when it is no path of ours. */
function routeOf(path: string): string[] | null {
  if (path === '/api/uploads') return ['POST'];
  if (/^\/api\/products\/[^/]+\/reviews$/.test(path)) return ['GET', 'HEAD', 'POST'];
  return null;
}

function withoutDots(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split('/').slice(1)) {
    if (segment === '..') kept.pop();
    else if (segment !== '.') kept.push(segment);
  }
  return `/${kept.join('/')}`;
}

/** The target as the backend should see it: the absolute form is a path from here on. */
const pathForm = (target: string) =>
  target.replace(/^https?:\/\/[^/?]*(?=\/)/i, '').replace(/^https?:\/\/[^/?]*$/i, '/');

/** What the client's end-to-end fields are, in order; the request id may be ours. */
function endToEnd(fields: readonly Field[]): string[] {
  const listed = fields
    .filter(([name]) => /^(?:proxy-)?connection$/i.test(name))
    .flatMap(([, value]) => value.toLowerCase().split(','))
    .map((option) => option.trim());
  return fields
    .filter(([name]) => {
      const lower = name.toLowerCase();
      if (HOP_BY_HOP.includes(lower) || lower === 'expect' || lower === 'x-request-id') return false;
      return PROTECTED.includes(lower) || !listed.includes(lower);
    })
    .map(([name, value]) => `${name}: ${value}`);
}

/** How the request at the backend differs from the one that the client sent; null when it does not. */
export function differenceOf(seen: ReadMessage, sent: ReadMessage): string | null {
  if (seen.start[0] !== sent.start[0]) return 'another method';
  if (seen.start[1] !== pathForm(sent.start[1])) return 'another target';
  if (seen.body !== sent.body) return 'another body';
  const [got, wanted] = [endToEnd(seen.fields), endToEnd(sent.fields)];
  // An HTTP/1.0 client need not send Host; HTTP/1.1 to the backend must have one.
  if (sent.start[2] === 'HTTP/1.0' && valuesOf(sent, 'host').length === 0) {
    got.splice(
      got.findIndex((line) => /^host:/i.test(line)),
      1,
    );
  }
  return JSON.stringify(got) === JSON.stringify(wanted) ? null : 'other header fields';
}
