/**
 * Reviews as a load, and what must be true of them afterwards: none that was acknowledged is lost, none is there twice,
 * and the stats are those of the rows.
 */
import { createBackendTables, query } from '../lab/database.ts';
import { tokenFor } from '../lab/tokens.ts';
import { type LoadRequest, parseJson, type Sample } from './sample.ts';

const PRODUCTS = 3;
/** Besides those of createBackendTables. */
const FIRST_AUTHOR = 1_001;

export async function makeAuthors(url: string, count: number): Promise<void> {
  await createBackendTables(url);
  await query(
    url,
    `INSERT INTO users (id, name) SELECT n, 'Author ' || n FROM generate_series($1::integer, $2::integer) AS n`,
    [FIRST_AUTHOR, FIRST_AUTHOR + count - 1],
  );
}

/** The requests of one author: every other one posts a review, with a number that grows. */
export interface ReviewLoad {
  next(author: number): LoadRequest;
}

export function createReviewLoad(): ReviewLoad {
  const turns: number[] = [];
  return {
    next(author) {
      const turn = (turns[author] ?? 0) + 1;
      turns[author] = turn;
      const product = 1 + (Math.floor(turn / 2) % PRODUCTS);
      return turn % 2 === 0 ? readReviews(product, `${author}-${turn}`) : postReview(product, author, turn);
    },
  };
}

const head = (method: string, product: number, more: string) =>
  `${method} /api/products/${product}/reviews HTTP/1.1\r\nHost: shop.example.com\r\n${more}\r\n`;

function readReviews(product: number, id: string): LoadRequest {
  return {
    id: `read-${id}`,
    label: 'GET reviews',
    method: 'GET',
    bytes: head('GET', product, ''),
    isRight: ({ body }) => Array.isArray(parseJson(body)?.items),
  };
}

function postReview(product: number, author: number, turn: number): LoadRequest {
  const text = reviewId(product, author, turn);
  const body = JSON.stringify({ rating: 1 + (turn % 5), text });
  return {
    id: text,
    label: 'POST review',
    method: 'POST',
    bytes:
      head(
        'POST',
        product,
        `Authorization: Bearer ${tokenFor(FIRST_AUTHOR + author)}\r\nContent-Type: application/json\r\n` +
          `Content-Length: ${body.length}\r\n`,
      ) + body,
    isRight: (answer) => (parseJson(answer.body)?.review as { text?: string } | undefined)?.text === text,
  };
}

/** Text of a review, and id of the request that posted it. */
const reviewId = (product: number, author: number, turn: number) =>
  `${product}/${FIRST_AUTHOR + author}/${turn}`;

export interface ReviewAudit {
  /** Acknowledged, and neither there nor followed by a later one of the same author. */
  readonly lost: number;
  /** Rows beyond the one that an author may have on a product. */
  readonly doubled: number;
  /** Products whose stored count or sum is not that of their rows. */
  readonly wrongStats: number;
}

interface Row {
  readonly product_id: string;
  readonly author_id: string;
  readonly text: string;
}

/** Compares the tables with what the clients were told. */
export async function auditReviews(url: string, samples: readonly Sample[]): Promise<ReviewAudit> {
  const rows = await query<Row>(url, 'SELECT product_id, author_id, text FROM product_reviews');
  const stored = new Map(rows.map((row) => [`${row.product_id}/${row.author_id}`, row.text]));
  const posts = samples.filter(({ label }) => label === 'POST review');
  const outcomes = new Map(posts.map(({ id, outcome }) => [id, outcome]));
  let lost = 0;
  for (const [pair, latest] of latestAcknowledged(posts)) {
    const text = stored.get(pair) ?? '';
    // A review whose answer never came may have been stored all the same, even later than the next one.
    const wasUnacknowledged = outcomes.has(text) && outcomes.get(text) !== 'answered';
    if (text !== latest && !wasUnacknowledged) lost += 1;
  }
  const wrong = await query(url, WRONG_STATS_SQL);
  return { lost, doubled: rows.length - stored.size, wrongStats: wrong.length };
}

/** Author and product → text of the newest review that was answered with 200. */
function latestAcknowledged(posts: readonly Sample[]): Map<string, string> {
  const latest = new Map<string, string>();
  // One author sends one request at a time, so the samples are in order.
  for (const { id, outcome } of posts)
    if (outcome === 'answered') latest.set(id.slice(0, id.lastIndexOf('/')), id);
  return latest;
}

const WRONG_STATS_SQL = `
  SELECT product_id
    FROM (SELECT product_id, count(*) AS count, sum(rating) AS sum
            FROM product_reviews WHERE superseded_at IS NULL GROUP BY product_id) AS actual
    FULL JOIN product_review_stats s USING (product_id)
   WHERE s.review_count IS DISTINCT FROM actual.count OR s.rating_sum IS DISTINCT FROM actual.sum`;
