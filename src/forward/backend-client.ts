/**
 * What forwarding needs of an HTTP client: one backend, raw headers, streamed bodies, failures that can be told apart.
 * Implementations speak to the configured backend only and never decide anything about the client's side.
 */
import type { Readable } from 'node:stream';
import type { BackendAddress } from '../config/values.ts';

/** A request, cleaned for the next hop (headers.ts). */
export interface BackendRequest {
  readonly method: string;
  /** Origin-form target with its query, exactly as the client sent it. Never contains CR, LF, NUL or space. */
  readonly target: string;
  /**
   * Flat raw pairs (name, value, name, value …) in the client's order and spelling; a char is a latin1 byte. Holds Host
   * and, for a body of known length, Content-Length. Holds no hop-by-hop header, no Transfer-Encoding, no Expect.
   */
  readonly headers: readonly string[];
  /**
   * The client's body stream; null when the request has none. Read with backpressure, never buffered whole. `complete`: the
   * last of it has arrived.
   */
  readonly body: (Readable & { readonly complete?: boolean }) | null;
  /** Body length in bytes; null with a body means unknown, so it goes out chunked. */
  readonly contentLength: number | null;
  /** True for a retry: use a new connection, never an idle one. */
  readonly freshConnection: boolean;
}

/** Called in order: onInterim*, onHead, onData*, then exactly one of onEnd or onError (onError may come at any point). */
export interface BackendResponseHandler {
  /** An interim response other than 100 and 101 (102, 103 …). */
  onInterim(status: number, headers: string[]): void;
  /** Final head: status 200…599, reason and flat raw header pairs as latin1, with one framing header at most. */
  onHead(status: number, reason: string, headers: string[]): void;
  /** A body chunk with transfer coding removed. Return false to pause until `exchange.resume()`. */
  onData(chunk: Buffer): boolean;
  /** Everything that one read brought has been told: what was held back for the next piece can go now. */
  onBatchEnd?(): void;
  /** The response ended as its framing announced; flat raw trailer pairs. */
  onEnd(trailers: string[]): void;
  /** The exchange failed; after onHead it means that the response was cut short. Not called after `abort()`. */
  onError(error: BackendError): void;
}

/** The handle of one exchange in progress. Both methods are harmless after its end. */
export interface Exchange {
  /** Take data again after onData answered false. */
  resume(): void;
  /** The client is gone: give up, close the backend connection, call the handler no more. */
  abort(): void;
}

export interface BackendClient {
  send(request: BackendRequest, handler: BackendResponseHandler): Exchange;
  /** Connections to the backend at this moment, for the metrics. */
  connections(): { readonly open: number; readonly idle: number };
  /** Closes every connection; exchanges in progress fail. Resolves when all are closed. */
  close(): Promise<void>;
}

/** Limits of one client; times in milliseconds, sizes in bytes. */
export interface BackendClientOptions {
  readonly backend: BackendAddress;
  /** Deadline for the TCP (or unix socket) connect. */
  readonly connectTimeoutMs: number;
  /** Deadline for the response head, counted from the end of the request body (0: none). */
  readonly headersTimeoutMs: number;
  /** Longest silence within a response body (0: none); does not apply to `text/event-stream`. */
  readonly bodyTimeoutMs: number;
  /** An idle connection is closed after this; below the backend's own keep-alive (uvicorn: 5 s). */
  readonly idleTimeoutMs: number;
  /** Largest response head, bytes. */
  readonly maxHeaderBytes: number;
}

/**
 * - `connect`: refused, unreachable, or not connected in time
 * - `reset`: the connection broke before or within the response
 * - `headers-timeout` / `body-timeout`: the deadlines above
 * - `protocol`: what the backend sent is not acceptable HTTP/1.1
 */
export type BackendFailureKind = 'connect' | 'reset' | 'headers-timeout' | 'body-timeout' | 'protocol';

export class BackendError extends Error {
  readonly kind: BackendFailureKind;
  /** The connection had served an earlier request and broke before any response byte: the keep-alive race. */
  readonly onReusedConnection: boolean;

  constructor(
    kind: BackendFailureKind,
    message: string,
    options: { cause?: unknown; onReusedConnection?: boolean } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'BackendError';
    this.kind = kind;
    this.onReusedConnection = options.onReusedConnection ?? false;
  }
}
