/** The mean of all ratings that are shown, of all products: asked for once a minute, since it reads every product's row. */
import type { Database, RunOptions } from '../../../infra/postgres/database.ts';

/**
 * 0 without any reviews. @param isAnyKnown the caller has seen a review: then there is a mean
 * @throws AppError 503, errors of the SQL, while none has been had yet
 */
export type MeanRating = (isAnyKnown: boolean, options?: RunOptions) => Promise<number>;

/** Older than this it is asked for beside the requests, which go on with the one there is. */
const REFRESHED_AFTER_MS = 40_000;
/** Older than this it is waited for. */
const BELIEVED_FOR_MS = 60_000;

const MEAN = `SELECT coalesce(sum(rating_sum)::double precision / nullif(sum(review_count), 0), 0) AS mean
                FROM product_review_stats`;

/** @param now on any clock, ms */
export function createMeanRating(
  database: Database,
  now: () => number = () => performance.now(),
): MeanRating {
  let known: { readonly mean: number; readonly askedAt: number } | undefined;
  let asking: Promise<number> | undefined;

  async function ask(options: RunOptions | undefined): Promise<number> {
    const askedAt = now();
    const [row] = await database.query<{ mean: number }>(
      { name: 'mean_rating', text: MEAN, values: [] },
      options,
    );
    known = { mean: row?.mean ?? 0, askedAt };
    return known.mean;
  }

  return (isAnyKnown, options) => {
    const isOutdated = known === undefined || (isAnyKnown && known.mean === 0);
    const age = isOutdated ? Number.POSITIVE_INFINITY : now() - (known?.askedAt ?? 0);
    if (known !== undefined && age < REFRESHED_AFTER_MS) return Promise.resolve(known.mean);
    // The promise is kept, so that requests arriving together share one query.
    asking ??= ask(options).finally(() => {
      asking = undefined;
    });
    const last = known?.mean;
    if (last === undefined) return asking;
    // A figure that is too old is better than none: the page itself may well be had.
    const asked = asking.catch(() => last);
    return age < BELIEVED_FOR_MS ? Promise.resolve(last) : asked;
  };
}
