/**
 * A review as the clients know it, and how a row becomes one.
 */

/** Wire format; names are the clients'. */
export interface Review {
  readonly id: number;
  readonly product_id: string;
  readonly author_id: string;
  readonly author_name: string;
  readonly author_avatar_url: string | null;
  readonly rating: number;
  readonly text: string | null;
  /** ISO 8601 with zone. */
  readonly created_at: string;
  /** ISO 8601 with zone; null for a review that was never edited. */
  readonly edited_at: string | null;
}

export interface Summary {
  /** Mean of the current ratings, two decimals; 0 without reviews. */
  readonly avg_rating: number;
  readonly count: number;
}

export interface ReviewRow {
  /** As text: it may be a bigint. */
  id: string;
  product_id: string;
  author_id: string;
  author_name: string | null;
  author_avatar_url?: string | null;
  rating: number | null;
  text: string | null;
  /** As PostgreSQL prints it in JSON, or whatever text the old module stored. */
  created_at: string | null;
  edited_at: string | null;
}

export function toReview(row: ReviewRow): Review {
  return {
    id: Number(row.id),
    product_id: row.product_id,
    author_id: row.author_id,
    author_name: row.author_name?.trim() || `User ${row.author_id}`,
    author_avatar_url: row.author_avatar_url ?? null,
    // As product_review_stars() in the database: the old module did not check ratings.
    rating: Math.min(5, Math.max(1, row.rating ?? 1)),
    text: row.text,
    created_at: toIsoTime(row.created_at),
    edited_at: row.edited_at === null ? null : toIsoTime(row.edited_at),
  };
}

/** @param ratingSum bigint, which node-postgres gives as text */
export function toSummary(count: number, ratingSum: string | number): Summary {
  return { count, avg_rating: count === 0 ? 0 : Math.round((Number(ratingSum) / count) * 100) / 100 };
}

const EPOCH = '1970-01-01T00:00:00.000Z';

/** ISO text without a zone is UTC (docs/contract.md, 4); a time that nobody can read is the epoch rather than an error. */
export function toIsoTime(text: string | null): string {
  const parts =
    /^\s*(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?\s*(Z|[+-]\d\d(?::?\d\d)?)?\s*$/i.exec(
      text ?? '',
    );
  if (parts === null) return EPOCH;
  const [, date, time = '00:00:00', zone = 'Z'] = parts;
  const offset = /^[+-]\d\d$/.test(zone)
    ? `${zone}:00`
    : zone.replace(/^([+-]\d\d)(\d\d)$/, '$1:$2').toUpperCase();
  const parsed = new Date(`${date}T${time}${offset}`);
  return Number.isNaN(parsed.getTime()) ? EPOCH : parsed.toISOString();
}
