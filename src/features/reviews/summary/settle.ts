/** Works off what the triggers could not do at once (tables/functions.ts), before a product is read. */
import type { Database, RunOptions } from '../../../infra/postgres/database.ts';
import { retriedOnce } from '../database-refusal.ts';

/** @throws AppError 503, errors of the database */
export const settleProducts = (
  database: Database,
  productIds: readonly string[],
  options: RunOptions | undefined,
): Promise<void> =>
  retriedOnce(() =>
    database.transaction(async (trx) => {
      await trx.raw('DELETE FROM product_reviews_unsettled WHERE product_id = ANY (?::text[])', [
        [...productIds],
      ]);
    }, options),
  );
