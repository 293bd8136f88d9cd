/**
 * Which routes the backend says it has: FastAPI describes itself at /openapi.json. Whatever comes instead is looked at
 * within limits, and nothing of it is believed beyond methods and paths.
 */
import type { BackendAddress } from '../config/values.ts';
import { http } from '../node-http.ts';

export interface BackendRoute {
  /** In capitals. */
  readonly method: string;
  /** e.g. `/api/products/{product_id}/reviews` (https://spec.openapis.org/oas/v3.1.1.html#path-templating) */
  readonly path: string;
}

const TIMEOUT_MS = 5_000;
/** Parsing this takes some 20 ms, in which nobody else is served; a backend of a hundred routes describes itself in 200 KB. */
const MAX_BYTES = 2 * 1024 * 1024;
const MAX_HEADER_BYTES = 64 * 1024;
/** https://spec.openapis.org/oas/v3.1.1.html#path-item-object: what else is in a path item is no method. */
const METHODS = new Set(['get', 'head', 'post', 'put', 'patch', 'delete', 'options', 'trace']);

/**
 * GET /openapi.json on a connection of its own; redirects are not followed.
 * @returns null when the backend answers, and does not describe itself there
 * @throws Error when it does not answer in full, in time
 */
export async function readBackendRoutes(
  backend: BackendAddress,
  signal: AbortSignal,
): Promise<BackendRoute[] | null> {
  const body = await get(backend, AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]));
  return body === null ? null : routesIn(body);
}

function get(backend: BackendAddress, signal: AbortSignal): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const where = backend.kind === 'unix' ? { socketPath: backend.path } : backend;
    const asked = http.request(
      {
        ...where,
        path: '/openapi.json',
        headers: { host: 'localhost', accept: 'application/json', connection: 'close' },
        agent: false,
        maxHeaderSize: MAX_HEADER_BYTES,
        signal,
      },
      (answer) => {
        const settle = (body: string | null) => {
          resolve(body);
          asked.destroy();
        };
        if (answer.statusCode !== 200) return settle(null);
        const pieces: Buffer[] = [];
        let bytes = 0;
        answer.on('data', (piece: Buffer) => {
          bytes += piece.length;
          if (bytes > MAX_BYTES) settle(null);
          else pieces.push(piece);
        });
        answer.on('end', () => settle(Buffer.concat(pieces).toString()));
        answer.on('error', reject);
      },
    );
    asked.on('error', reject);
    // An upgrade, or an end without an answer; after any other end this changes nothing.
    asked.on('close', () => reject(new Error('the backend ended the connection')));
    asked.end();
  });
}

function routesIn(body: string): BackendRoute[] | null {
  let paths: unknown;
  try {
    paths = JSON.parse(body)?.paths;
  } catch {
    return null;
  }
  if (typeof paths !== 'object' || paths === null) return null;
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.keys(typeof item === 'object' && item !== null ? item : {})
      .filter((method) => METHODS.has(method))
      .map((method) => ({ method: method.toUpperCase(), path })),
  );
}
