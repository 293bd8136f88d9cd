/** The summary of a product's reviews, out of its stats. */

interface Stats {
  readonly review_count: number;
  readonly rating_sum: number;
}

/** @param stats a row of product_review_stats as JSON text; null: there is none */
export function summaryJson(stats: string | null): string {
  const { review_count: count, rating_sum: sum }: Stats =
    stats === null ? { review_count: 0, rating_sum: 0 } : JSON.parse(stats);
  return JSON.stringify({ count, avg_rating: count === 0 ? 0 : Math.round((sum / count) * 100) / 100 });
}
