/**
 * What it means that the database refused a statement about reviews: the client's input is to blame (422), or the
 * database is not as it should be (503, with the reason in the log). An old table may have narrower columns, rules of
 * its own or another encoding.
 */
import { AppError } from '../../errors.ts';
import { isUntranslatable } from '../../infra/postgres/failure.ts';
import type { Problem } from '../../words/problems.ts';

/** @param reading the product that was only read */
export function whatItMeans(error: unknown, { reading }: { readonly reading?: string } = {}): unknown {
  if (error instanceof AppError || !isFromDatabase(error)) return error;
  if (reading === undefined) {
    const fault = faultOfInput(error);
    if (fault !== undefined) return fault;
  } else if (isUntranslatable(error) && NOT_ASCII.test(reading)) {
    return new AppError('product_id_invalid');
  }
  if (error.code === SYNTAX_ERROR) return error;
  // Of class 42 the tables are not there yet, or not as they must be. What a trigger of somebody else's objects to may have any code.
  const key = error.code.startsWith('42') ? 'reviews_being_set_up' : 'reviews_unavailable';
  return new AppError(key, { cause: error });
}

/** @param what a trigger of somebody else's has done, without an error */
export const undoneByTrigger = (what: string) =>
  new AppError('reviews_unavailable', {
    cause: new Error(`a trigger of product_reviews that is not ours ${what}`),
  });

/** Fields of https://www.postgresql.org/docs/current/protocol-error-fields.html */
interface DatabaseRefusal extends Error {
  readonly code: string;
  readonly column?: string;
  readonly constraint?: string;
}

const isFromDatabase = (error: unknown): error is DatabaseRefusal =>
  error instanceof Error &&
  'code' in error &&
  typeof error.code === 'string' &&
  /^[0-9A-Z]{5}$/.test(error.code);

/** A defect of ours. */
const SYNTAX_ERROR = '42601';
const NOT_ASCII = /[^\x20-\x7e]/;

function faultOfInput(error: DatabaseRefusal): AppError | undefined {
  if (isUntranslatable(error)) return new AppError('review_not_storable');
  switch (error.code) {
    case '22001': {
      // "value too long for type character varying(500)", in the server's language.
      const length = /\((\d+)\)/.exec(error.message)?.[1];
      return faultOfText(
        length === undefined ? { rule: 'not_so_long' } : { rule: 'max_length', max: Number(length) },
      );
    }
    case '23514':
      return new AppError('review_breaks_rule', { params: { constraint: error.constraint ?? 'unnamed' } });
    case '23502':
      return error.column === 'text' ? faultOfText({ rule: 'not_empty' }) : undefined;
    default:
      return undefined;
  }
}

const faultOfText = (problem: Problem) =>
  new AppError('field_invalid', { params: { field: 'text', ...problem } });

/** A deadlock or a serialization failure has undone everything: the same again may well succeed. */
export async function retriedOnce<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const cause = error instanceof AppError ? error.cause : error;
    if (!isFromDatabase(cause) || !/^40(001|P01)$/.test(cause.code)) throw error;
    return work();
  }
}
