/**
 * What the storage did instead of what it was asked for. It is somebody else's text, so only what looks like a code is
 * kept of it; its sentences may hold anything, the key and the signature of the request among them.
 */
import { AppError } from '../../errors.ts';

const CODE = /^[A-Za-z][\w.]{0,63}$/;
const REGION = /^[a-z0-9-]{1,40}$/;

export interface FailureFacts {
  /** The S3 operation, e.g. `HeadObject`. */
  readonly operation: string;
  /** Of the HTTP answer; null when there was none. */
  readonly httpStatus: number | null;
  /** S3's own (`NoSuchKey`), the system's (`ECONNREFUSED`), or `AbortError` and `TimeoutError`; null when it gave none. */
  readonly code: string | null;
  /** The region that the storage says the bucket is in, when it says so. */
  readonly region: string | null;
}

/** 503: the storage is away, slow, broken, or refuses us. */
export class StorageFailure extends AppError<'storage_unavailable'> implements FailureFacts {
  readonly operation: string;
  readonly httpStatus: number | null;
  readonly code: string | null;
  readonly region: string | null;

  constructor({ operation, httpStatus, code, region }: FailureFacts) {
    const reason = [httpStatus, code].filter((part) => part !== null).join(' ');
    super('storage_unavailable', {
      cause: new Error(`${operation}: ${reason || 'an answer that is none'}`),
    });
    this.name = 'StorageFailure';
    this.operation = operation;
    this.httpStatus = httpStatus;
    this.code = code;
    this.region = region;
  }

  /** Is the storage there, and does not do this? Not when it is busy or broken. */
  isRefusal(): boolean {
    return this.httpStatus !== null && this.httpStatus < 500 && this.httpStatus !== 429;
  }
}

/** An answer with 2xx that does not say what it must. */
export const unintelligible = (operation: string) =>
  new StorageFailure({ operation, httpStatus: null, code: null, region: null });

/** What the SDK threw, without a word of the storage's. */
export function failureOf(operation: string, thrown: unknown): StorageFailure {
  if (thrown instanceof StorageFailure) return thrown;
  const error = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as {
    readonly name?: unknown;
    readonly code?: unknown;
    readonly Code?: unknown;
    readonly Region?: unknown;
    readonly $metadata?: { readonly httpStatusCode?: number };
    readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
  };
  const httpStatus = error.$metadata?.httpStatusCode ?? null;
  // Of an error without an answer, Node's code says more than the name; of one with an answer, the storage's.
  const codes = httpStatus === null ? [error.code, error.name] : [error.Code, error.name];
  const code = codes.find((text) => typeof text === 'string' && CODE.test(text) && !VAGUE.has(text));
  const region = [error.Region, error.$response?.headers?.['x-amz-bucket-region']].find(
    (text) => typeof text === 'string' && REGION.test(text),
  );
  return new StorageFailure({
    operation,
    httpStatus,
    code: (code as string | undefined) ?? null,
    region: (region as string | undefined) ?? null,
  });
}

/** An answer that is a refusal: its code and region, wherever the storage has put them. */
export function refusalOf(
  operation: string,
  answer: {
    readonly status: number;
    readonly headers: Readonly<Record<string, unknown>>;
    readonly bytes: Buffer;
  },
): StorageFailure {
  const text = answer.bytes.toString('latin1');
  const fieldOf = (name: string) =>
    ERROR_DOCUMENT.test(text) ? new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1] : undefined;
  return failureOf(operation, {
    ...{ Code: fieldOf('Code'), Region: fieldOf('Region') },
    ...{ $metadata: { httpStatusCode: answer.status }, $response: { headers: answer.headers } },
  });
}

const ERROR_DOCUMENT = /^\s*(<\?xml[^>]*>\s*)?<Error[\s>]/;

/** Names that say nothing: of JavaScript's errors, and the SDK's for an answer without a code. */
const VAGUE: ReadonlySet<unknown> = new Set([
  'Error',
  'TypeError',
  'UnknownError',
  'Unknown',
  'S3ServiceException',
]);
