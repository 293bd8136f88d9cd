/** The list of reviews without HTTP: what a page says, with the summary that the oldest clients know. */
import { createReviewPages } from '../../src/features/reviews/list/pages.ts';
import { createSummaries } from '../../src/features/reviews/summary/summaries.ts';
import { createReviewViews } from '../../src/features/reviews/view.ts';
import type { Database } from '../../src/infra/postgres/database.ts';

const NEWEST = { sort: 'newest', ratings: [], verifiedOnly: false, withMediaOnly: false } as const;

interface Review {
  readonly id: number;
  readonly author_id: string;
  readonly rating: number;
  readonly text: string | null;
  readonly created_at: string;
  readonly edited_at: string | null;
}

/** The newest reviews of a product. */
export async function newestReviews(database: Database, productId: string, limit = 50) {
  const pages = createReviewPages({
    database,
    views: createReviewViews(database, null),
    summaries: createSummaries(database),
  });
  const { json } = await pages.read(productId, { listing: NEWEST, limit, after: undefined });
  const page: { items: Review[]; summary: { count: number; avg_rating: number } } = JSON.parse(json);
  const { count, avg_rating } = page.summary;
  return { items: page.items, summary: { count, avg_rating } };
}
