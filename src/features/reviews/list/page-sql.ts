/**
 * The statement that reads a page: figures and reviews in one, so that they agree, and in one round trip.
 *
 * Every list is an index scan that begins behind the cursor and stops after a page. A filter is one scan for each class of
 * reviews (rating, bought, with media: tables/what-counts.ts) that it lets through, which PostgreSQL merges as they come.
 * The id is the order of time: ids only grow, while created_at of imported rows says anything.
 *
 * A limit stands behind a SELECT of its own: one that the planner knows, or one that it takes for a whole product's
 * reviews, may be read by it as leave to sort them all.
 */

import { figuresSql } from '../summary/summaries.ts';
import type { ReviewView } from '../view.ts';
import type { Listing, Position } from './cursor.ts';

export interface PageStatement {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/** The only row: one for each review would cost the sidecar as much as all else that it does for a page. */
export interface PageRow {
  readonly figures: string;
  /** Reviews as JSON with commas between them, one more than the page has where there is a next one; null: there are none. */
  readonly items: string | null;
  /** Where the page ends when there is a next one: `rank.id`. */
  readonly last: string | null;
}

/** Longest page, and the row behind it that tells of a next one. */
const MAX_ROWS = 201;
const FIRST_ID = '-9223372036854775808';
const LAST_ID = '9223372036854775807';
const MAX_INTEGER = 2 ** 31 - 1;

/** As in the indexes, letter by letter. */
const CLASS = `(least(5, greatest(1, r.rating)) + CASE WHEN r.verified THEN 8 ELSE 0 END + CASE WHEN r.media IS NULL THEN 0 ELSE 16 END)`;
const VERIFIED = 8;
const WITH_MEDIA = 16;
const HELPFUL = 'coalesce(r.helpful_count, 0)';
const PLACE = 'r.id + 0';
const COLUMNS = `r.id, r.author_id, r.author_name, r.rating, r.text, r.created_at, r.edited_at, r.title,
         r.verified, r.incentivized, r.display_short, r.media, r.helpful_count, r.reply`;
const SHOWN = 'FROM product_reviews AS r WHERE r.product_id = $1::text AND r.superseded_at IS NULL';

/** @param rows one more than the page has: that tells whether there is a next one */
export function pageStatement(
  view: ReviewView,
  productId: string,
  { listing, after }: { readonly listing: Listing; readonly after: Position | undefined },
  rows: number,
): PageStatement {
  const { sort } = listing;
  const { key, page, values } =
    sort === 'highest' || sort === 'lowest' ? byStars(listing, after) : byTimeOrVotes(listing, after);
  return {
    name: `reviews_${key}`,
    text: textOf(view, key, page, ORDERS[sort]),
    values: [productId, rows, ...values],
  };
}

const ORDERS = {
  newest: 'place DESC',
  oldest: 'place ASC',
  highest: 'rank DESC, place DESC',
  lowest: 'rank ASC, place DESC',
  helpful: 'rank DESC, place DESC',
};

const texts = new WeakMap<ReviewView, Map<string, string>>();

function textOf(view: ReviewView, key: string, page: () => string, order: string): string {
  const ofView = texts.get(view) ?? new Map<string, string>();
  texts.set(view, ofView);
  const text = ofView.get(key) ?? wholeStatement(view, page(), order);
  ofView.set(key, text);
  return text;
}

/**
 * A page is at most MAX_ROWS whatever the planner thinks, so that it looks authors up one by one. What is in order is said
 * to be so once more at every level, or it would be sorted by the next.
 */
const wholeStatement = ({ itemJson, joinAuthor }: ReviewView, page: string, order: string) => `
  SELECT ${figuresSql('$1::text')} AS figures, items,
         CASE WHEN cardinality(ids) = $2::integer THEN ranks[$2::integer - 1] || '.' || ids[$2::integer - 1] END AS last
    FROM (SELECT string_agg(json, ',') AS items, array_agg(rank) AS ranks, array_agg(place) AS ids
            FROM (SELECT rank, place, ${itemJson} AS json
                    FROM (SELECT *, (SELECT to_json($1::text)::text) AS product_json FROM (${page}) AS page
                           ORDER BY ${order} LIMIT ${MAX_ROWS}) AS r ${joinAuthor}
                   ORDER BY ${order}) AS in_order) AS whole`;

interface Page {
  /** Names the shape of the statement; the same key is the same text. */
  readonly key: string;
  readonly page: () => string;
  readonly values: readonly unknown[];
}

function byTimeOrVotes({ sort, ...filters }: Listing, after: Position | undefined): Page {
  const classes = classesOf(filters);
  const isByVotes = sort === 'helpful';
  const first = { rank: MAX_INTEGER, id: sort === 'oldest' ? FIRST_ID : LAST_ID };
  const { rank, id } = after ?? first;
  const position = isByVotes ? [id, rank] : [id];
  const classFrom = 3 + position.length;
  const behind = isByVotes
    ? `(${HELPFUL}, ${PLACE}) < ($4::integer, $3::bigint)`
    : `${PLACE} ${sort === 'oldest' ? '>' : '<'} $3::bigint`;
  const order = isByVotes ? 'rank DESC, place DESC' : `place ${sort === 'oldest' ? 'ASC' : 'DESC'}`;
  const scan = (ofClass: string) =>
    `SELECT ${COLUMNS}, ${isByVotes ? HELPFUL : '0'} AS rank, ${PLACE} AS place ${SHOWN} ${ofClass} AND ${behind}`;
  const scans = () =>
    classes === null ? [scan('')] : classes.map((_, i) => scan(`AND ${CLASS} = $${classFrom + i}::integer`));
  return {
    key: `${sort}_${classes?.length ?? 0}`,
    page: () => merged(scans(), order),
    values: [...position, ...(classes ?? [])],
  };
}

const LIMIT = 'LIMIT (SELECT $2::integer)';

/** Each scan in its own order and with its own limit, or PostgreSQL would sort them instead of merging. */
const merged = (scans: readonly string[], order: string) => {
  const ordered = scans.map((scan) => `(${scan} ORDER BY ${order} ${LIMIT})`);
  return ordered.length === 1
    ? (ordered[0] ?? '')
    : `${ordered.join('\n UNION ALL ')} ORDER BY ${order} ${LIMIT}`;
};

/** null: every one. */
function classesOf(filters: Omit<Listing, 'sort'>): number[] | null {
  const { ratings, verifiedOnly, withMediaOnly } = filters;
  if (ratings.length === 0 && !verifiedOnly && !withMediaOnly) return null;
  return (ratings.length === 0 ? [1, 2, 3, 4, 5] : ratings).flatMap((stars) =>
    kindsOf(filters).map((kind) => stars + kind),
  );
}

const kindsOf = ({ verifiedOnly, withMediaOnly }: Pick<Listing, 'verifiedOnly' | 'withMediaOnly'>) =>
  (verifiedOnly ? [VERIFIED] : [0, VERIFIED]).flatMap((bought) =>
    (withMediaOnly ? [WITH_MEDIA] : [0, WITH_MEDIA]).map((media) => bought + media),
  );

/**
 * One rating after the other, each as long as rows are missing: a nested loop goes through the ratings in the order in
 * which they are given.
 */
function byStars({ sort, ...filters }: Listing, after: Position | undefined): Page {
  const ascending = filters.ratings.length === 0 ? [1, 2, 3, 4, 5] : filters.ratings;
  const inOrder = sort === 'lowest' ? ascending : ascending.toReversed();
  const isLeft = (stars: number) =>
    after === undefined || (sort === 'lowest' ? stars >= after.rank : stars <= after.rank);
  const stars = inOrder.filter(isLeft);
  const below = stars.map((one) => (one === after?.rank ? after.id : LAST_ID));
  const scans = () =>
    kindsOf(filters).map(
      (kind) =>
        `SELECT ${COLUMNS}, ${PLACE} AS place ${SHOWN} AND ${CLASS} = wanted.stars + ${kind} AND ${PLACE} < wanted.below`,
    );
  return {
    key: `stars_${sort}_${filters.verifiedOnly ? 'v' : ''}${filters.withMediaOnly ? 'm' : ''}`,
    page: () => `
      SELECT found.*, wanted.stars AS rank FROM unnest($3::integer[], $4::bigint[]) AS wanted (stars, below)
       CROSS JOIN LATERAL (${merged(scans(), 'place DESC')}) AS found
       ${LIMIT}`,
    values: [stars, below],
  };
}
