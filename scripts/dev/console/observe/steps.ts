/** What a local request waits for: the check of its token, statements, calls of the storage. */
import { channel } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import Module from 'node:module';
import type { Step } from '../messages.ts';
import type { Capture } from './capture.ts';
import { currentCapture } from './under-way.ts';

const MAX_STEPS = 200;

/** Notes the steps of every request from now on. Packages are wrapped when the sidecar loads them, not before. */
export function observeSteps(): void {
  onLoad('pg/lib/client.js', (client) => observeQueries(client as PgClient));
  onLoad('jsonwebtoken', (jsonwebtoken) => observeVerify(jsonwebtoken as JsonWebToken));
  observeCalls();
}

function onLoad(name: string, wrap: (exports: unknown) => void): void {
  const module = Module as unknown as { _load: (request: string, ...rest: unknown[]) => unknown };
  const load = module._load;
  let isWrapped = false;
  module._load = (request, ...rest) => {
    const exports = Reflect.apply(load, module, [request, ...rest]);
    if (request === name && !isWrapped) {
      isWrapped = true;
      wrap(exports);
    }
    return exports;
  };
}

type Query = (...args: unknown[]) => unknown;
type PgClient = { prototype: { query: Query } };
type JsonWebToken = { verify: (...args: unknown[]) => unknown };

function observeVerify(jsonwebtoken: JsonWebToken): void {
  const { verify } = jsonwebtoken;
  jsonwebtoken.verify = (...args) => {
    const done = beginStep('auth', 'check of the token');
    try {
      const claims = Reflect.apply(verify, jsonwebtoken, args);
      done();
      return claims;
    } catch (error) {
      done(error);
      throw error;
    }
  };
}

/** Knex and our own statements call it with a callback at the end; whoever gives none gets a promise. */
function observeQueries(client: PgClient): void {
  const { query } = client.prototype;
  client.prototype.query = function (...args) {
    const { text, isUser } = statementOf(args[0]);
    const done = beginStep(isUser ? 'auth' : 'sql', isUser ? `user: ${text}` : text);
    const last = args.at(-1);
    if (typeof last === 'function') {
      args[args.length - 1] = (error: unknown, ...rest: unknown[]) => {
        done(error);
        return Reflect.apply(last, undefined, [error, ...rest]);
      };
      return Reflect.apply(query, this, args);
    }
    const result = Reflect.apply(query, this, args);
    if (result instanceof Promise) result.then(() => done(), done);
    return result;
  };
}

/** The look-up of the user is a statement with that name (src/infra/user-directory.ts). */
function statementOf(config: unknown): { text: string; isUser: boolean } {
  if (typeof config === 'string') return { text: config, isUser: false };
  const { text = '', name = '' } = (config ?? {}) as { text?: string; name?: string };
  return { text: String(text), isUser: String(name).startsWith('user_') };
}

/** The storage's calls, by what Node itself publishes of every request it makes. */
function observeCalls(): void {
  const calls = new WeakMap<ClientRequest, (error?: unknown, note?: string) => void>();
  channel('http.client.request.start').subscribe((message) => {
    const { request } = message as { request: ClientRequest };
    const capture = currentCapture();
    // A WebSocket's handshake is no step but the request itself.
    if (capture === undefined || request.getHeader('upgrade') !== undefined) return;
    if (request.getHeader('x-amz-date') === undefined && request.getHeader('authorization') === undefined)
      return;
    calls.set(request, beginStep('storage', `${request.method} ${request.path.replace(/\?.*/, '')}`));
  });
  channel('http.client.response.finish').subscribe((message) => {
    const { request, response } = message as { request: ClientRequest; response: { statusCode: number } };
    calls.get(request)?.(undefined, ` → ${response.statusCode}`);
  });
  channel('http.client.request.error').subscribe((message) => {
    const { request, error } = message as { request: ClientRequest; error: Error };
    calls.get(request)?.(error);
  });
}

/** @returns ends it */
function beginStep(kind: Step['kind'], what: string): (error?: unknown, note?: string) => void {
  const capture: Capture | undefined = currentCapture();
  if (capture === undefined || capture.steps.length >= MAX_STEPS) return () => undefined;
  const at = capture.since();
  return (error, note = '') => {
    const step = { kind, what: `${what.trim()}${note}`, at, ms: capture.since() - at };
    capture.steps.push(error instanceof Error ? { ...step, error: error.message } : step);
  };
}
