/** What the sidecar's process tells the console of the requests that pass through it. */
import type { BackendAddress } from '../../../src/config/values.ts';
import type { FaultKind, Faults } from './faults.ts';

/** Which way bytes go: `in` from the client, `out` to it. */
export type Way = 'in' | 'out';

/** ms since the request's head was there; what did not happen is not there either. */
export interface Marks {
  /** The last byte of the client's body had come. */
  bodyIn?: number;
  /** The head went to the backend. */
  toBackend?: number;
  /** The first byte of its answer came. */
  fromBackend?: number;
  /** The first byte went to the client. */
  firstOut?: number;
}

/** Something that a local request waited for. */
export interface Step {
  readonly kind: 'auth' | 'sql' | 'storage';
  /** Statement, or method and path. */
  readonly what: string;
  /** ms since the request's head was there. */
  readonly at: number;
  readonly ms: number;
  readonly error?: string;
}

export interface Started {
  readonly type: 'start';
  /** Unique for one run of the console. */
  readonly id: string;
  /** ms since 1970. */
  readonly at: number;
  readonly method: string;
  readonly target: string;
  readonly httpVersion: string;
  readonly peer: { readonly address: string; readonly port: number };
  /** Flat pairs, as they came. */
  readonly headers: readonly string[];
  readonly isWebSocket: boolean;
}

/** The answer has begun and goes on: a stream, or a WebSocket. */
export interface Answering {
  readonly type: 'head';
  readonly id: string;
  readonly status: number;
  /** As sent, with its empty line. */
  readonly responseHead: string;
}

/** Bytes of a body, or of a WebSocket. */
export interface Piece {
  readonly type: 'piece';
  readonly id: string;
  readonly way: Way;
  /** ms since the request's head was there. */
  readonly at: number;
  readonly data: Uint8Array;
}

export interface Ended {
  readonly type: 'end';
  readonly id: string;
  /** As in the log. */
  readonly requestId: string;
  readonly status: number;
  readonly isForwarded: boolean;
  readonly isAborted: boolean;
  /** The fault that was switched on for it. */
  readonly fault: FaultKind | null;
  readonly ms: number;
  readonly marks: Marks;
  readonly steps: readonly Step[];
  readonly responseHead: string;
  /** As it went to the backend, and as its answer came; '' when there was none. */
  readonly backendRequestHead: string;
  readonly backendResponseHead: string;
  /** All that passed, kept or not. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Bytes that passed and were not kept. */
  readonly unkeptIn: number;
  readonly unkeptOut: number;
}

export type SidecarMessage =
  | { readonly type: 'hello'; readonly key: string; readonly pid: number }
  | Started
  | Answering
  | Piece
  | Ended
  /** Messages and pieces that were dropped instead of delaying anybody. */
  | { readonly type: 'dropped'; readonly count: number };

/** What the console tells the sidecar's process. */
export type ConsoleMessage =
  | { readonly type: 'faults'; readonly faults: Faults }
  /** A frame for one end of a WebSocket: `in` to the backend, `out` to the client. */
  | { readonly type: 'frame'; readonly id: string; readonly way: Way; readonly frame: Uint8Array };

export interface Place {
  readonly host: string;
  readonly port: number;
}

/** Where the sidecar's process finds the console; a file that only its owner reads. */
export interface Link {
  /** Of 127.0.0.1: takes messages. */
  readonly messagePort: number;
  /** Of 127.0.0.1: the page and its API. */
  readonly pagePort: number;
  /** Shows that a message or a request for the page comes from our own process. */
  readonly key: string;
  /** What is observed: the port that the sidecar listens on. */
  readonly sidecarPort: number;
  readonly backend: BackendAddress;
  readonly database: readonly Place[];
  readonly storage: readonly Place[];
}

/** Header of requests for the page that have passed the guard. */
export const KEY_HEADER = 'x-console-key';
