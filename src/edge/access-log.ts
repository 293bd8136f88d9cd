/**
 * One line and one count per request, when its response is over. The path is logged without its query: query strings
 * carry tokens (the web client's WebSocket and media URLs).
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Log } from '../infra/logger.ts';
import type { NamedRequest } from './request-id.ts';
import { type Decision, pathOf } from './routing.ts';

export interface FinishedRequest {
  readonly kind: Decision['kind'];
  /** Why it was rejected; undefined for any other kind. */
  readonly reason: string | undefined;
  readonly method: string;
  /** Pattern of a local route; undefined for anything else. */
  readonly route: string | undefined;
  readonly status: number;
  readonly durationMs: number;
  /** The client went away, or the response was cut short. */
  readonly aborted: boolean;
}

/** What is said of a request: what was decided, or that its head is not valid. */
export type LoggedDecision = Decision | { readonly kind: 'rejected'; readonly reason: 'invalid' };

export interface Arrival {
  readonly requestId: string;
  readonly decision: LoggedDecision;
  /** On performance.now()'s clock. */
  readonly arrivedAt: number;
  readonly traceId?: string | undefined;
}

export interface AccessLog {
  /** Call once when a request arrives; the line is written when its response closes. */
  watch(req: IncomingMessage, res: ServerResponse, arrival: Arrival): void;
  /** Writes the line of what was rejected on a socket without a response. */
  rejected(request: NamedRequest, status: number): void;
  /** Writes the line of an upgrade, when its socket has closed. */
  upgradeClosed(target: string, requestId: string, status: number, durationMs: number): void;
}

/** A path may be as long as the head, and a line must not. */
const MAX_LOGGED_PATH = 1_024;

/** A target without what may be secret: query, fragment, credentials. */
export function loggedPath(target: string): string {
  const origin = target.startsWith('/') ? target : target.replace(/^https?:\/\/[^/?#]*|^.*@/i, '');
  const path = pathOf(origin);
  const fragment = path.indexOf('#');
  return path.slice(0, fragment === -1 ? MAX_LOGGED_PATH : Math.min(fragment, MAX_LOGGED_PATH));
}

/** @param count told of every finished request, for the metrics */
export function createAccessLog(log: Log, count: (finished: FinishedRequest) => void): AccessLog {
  const write = (target: string, requestId: string, finished: FinishedRequest, traceId?: string) => {
    count(finished);
    const { method, status, kind, reason } = finished;
    const path = loggedPath(target);
    const ms = Math.round(finished.durationMs * 10) / 10;
    const why = reason === undefined ? '' : `,"reason":"${reason}"`;
    const trace = traceId === undefined ? '' : `,"trace":"${traceId}"`;
    const end = finished.aborted ? ',"aborted":true' : '';
    log.infoFields(
      `"id":${quoted(requestId)},"method":"${method}","path":${quoted(path)},"status":${status},"ms":${ms},"kind":"${kind}"${why}${trace}${end}`,
    );
  };
  return {
    watch(req, res, { requestId, decision, arrivedAt, traceId }) {
      // Not once(): it comes once, and the wrapper costs more than the listener.
      res.on('close', () => {
        const finished = {
          kind: decision.kind,
          reason: decision.kind === 'rejected' ? decision.reason : undefined,
          method: req.method ?? '',
          route: decision.kind === 'local' ? decision.route.path : undefined,
          // 499 as in Nginx's log: the client left before there was a status.
          status: res.headersSent ? res.statusCode : 499,
          durationMs: performance.now() - arrivedAt,
          aborted: !res.writableFinished,
        };
        write(req.url ?? '', requestId, finished, traceId);
      });
    },
    rejected({ id, method, target }, status) {
      const rejected = { kind: 'rejected', reason: 'invalid', route: undefined } as const;
      write(target, id, { ...rejected, method, status, durationMs: 0, aborted: false });
    },
    upgradeClosed(target, requestId, status, durationMs) {
      write(target, requestId, {
        kind: 'proxy',
        reason: undefined,
        method: 'GET',
        route: undefined,
        status,
        durationMs,
        aborted: false,
      });
    },
  };
}

/** Most ids and paths need no escaping, and finding that out is cheaper than JSON.stringify. */
const quoted = (text: string) => (PLAIN.test(text) ? `"${text}"` : JSON.stringify(text));
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
