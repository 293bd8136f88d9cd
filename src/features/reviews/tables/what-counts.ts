/** Which review of an author is shown, and what each one that is shown adds to its product's stats: told once. */

/**
 * Of the rows of one author for one product these two say which is shown: the newest that takes the place of those
 * before it, provided that it is published. A row without a rating belongs to nobody, and one that waits for a
 * moderator changes nothing until it is published.
 */
export const TAKES_PLACE = `rating IS NOT NULL AND status IS DISTINCT FROM 'pending'`;
/** Null is what the old module writes. */
export const IS_PUBLISHED = `coalesce(status, 'published') = 'published'`;

/** Of all rows of one pair: is another row marked as shown than should be? An aggregate. */
export const isPairWrong = (() => {
  const newest = `max(id) FILTER (WHERE ${TAKES_PLACE})`;
  const published = `max(id) FILTER (WHERE ${TAKES_PLACE} AND ${IS_PUBLISHED})`;
  return `(count(*) FILTER (WHERE superseded_at IS NULL) > 1
           OR max(id) FILTER (WHERE superseded_at IS NULL)
              IS DISTINCT FROM CASE WHEN ${published} = ${newest} THEN ${newest} END)`;
})();

/** What a rating counts: the old module did not check them. */
const STARS = 'least(5, greatest(1, rating))';

/** By column of product_review_stats: what a review that is shown adds to it. */
const AMOUNTS: Readonly<Record<string, string>> = {
  review_count: '1',
  rating_sum: STARS,
  rating_1: '(rating <= 1)::integer',
  rating_2: '(rating = 2)::integer',
  rating_3: '(rating = 3)::integer',
  rating_4: '(rating = 4)::integer',
  rating_5: '(rating >= 5)::integer',
  verified_count: '(verified IS TRUE)::integer',
  media_count: '(media IS NOT NULL)::integer',
};

/**
 * New at every change of what a page shows. Random rather than counting, so that a restored backup repeats none; 53
 * bits, so that JavaScript reads it.
 */
export const NEW_VERSION = '(random() * 9007199254740991)::bigint';

export const FIGURES = Object.keys(AMOUNTS);
/** Columns that the amounts are computed from. */
export const COUNTED_COLUMNS = 'product_id, rating, verified, media';

/** The figures of one row that is shown. */
export const AMOUNTS_OF_ONE = Object.values(AMOUNTS).join(', ');

/** The figures, computed from rows that are shown. @param sign of a row that is gained (1) or lost (-1) */
export const sums = (sign?: string): string =>
  Object.values(AMOUNTS)
    .map((amount) => `coalesce(sum(${sign === undefined ? '' : `${sign} * `}(${amount})), 0)`)
    .join(', ');

/**
 * Rating, bought, with media, in one number: what a list is filtered and sorted by. Queries must have it exactly like
 * this to be answered by the indexes.
 */
export const reviewClass = (row = '') => {
  const of = (column: string) => (row === '' ? column : `${row}.${column}`);
  return `(least(5, greatest(1, ${of('rating')})) + CASE WHEN ${of('verified')} THEN 8 ELSE 0 END + CASE WHEN ${of('media')} IS NULL THEN 0 ELSE 16 END)`;
};
