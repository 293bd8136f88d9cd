/**
 * Where a page ends, as the client hands it back. It belongs to the sort and the filters that it was made for; the list
 * without either has a plain review id, as older clients send one by themselves (docs/contract.md, 3).
 */
import { isBigint } from '../../../edge/validate.ts';

export const SORTS = ['newest', 'oldest', 'highest', 'lowest', 'helpful'] as const;
export type Sort = (typeof SORTS)[number];

/** What may be left out of a list; all of it together is the order in which a walk goes. */
export interface Listing {
  readonly sort: Sort;
  /** Ascending, each once; empty: all. */
  readonly ratings: readonly number[];
  readonly verifiedOnly: boolean;
  readonly withMediaOnly: boolean;
}

/** Of the last review of a page. */
export interface Position {
  /** What comes before the id in the order: stars or helpful votes; 0 where nothing does. */
  readonly rank: number;
  /** As text: a number cannot tell ids above 2^53 apart. */
  readonly id: string;
}

const MAX_INTEGER = 2 ** 31 - 1;

const isPlain = ({ sort, ratings, verifiedOnly, withMediaOnly }: Listing) =>
  sort === 'newest' && ratings.length === 0 && !verifiedOnly && !withMediaOnly;

export function encodeCursor(listing: Listing, { rank, id }: Position): string {
  if (isPlain(listing)) return id;
  return Buffer.from(`${nameOf(listing)}.${rank}.${id}`).toString('base64url');
}

/** null: it is none, or not of this list. */
export function decodeCursor(listing: Listing, cursor: string): Position | null {
  if (isPlain(listing)) return isBigint(cursor) ? { rank: 0, id: cursor } : null;
  const parts = Buffer.from(cursor, 'base64url').toString('latin1').split('.');
  const [rank = '', id = ''] = parts.slice(-2);
  if (!/^\d{1,10}$/.test(rank) || Number(rank) > MAX_INTEGER || !isBigint(id)) return null;
  const position = { rank: Number(rank), id };
  // Byte for byte what we give out, or two texts would be one cursor.
  return encodeCursor(listing, position) === cursor ? position : null;
}

const nameOf = ({ sort, ratings, verifiedOnly, withMediaOnly }: Listing) =>
  `${sort}.${ratings.join('')}.${verifiedOnly ? 'v' : ''}${withMediaOnly ? 'm' : ''}`;
