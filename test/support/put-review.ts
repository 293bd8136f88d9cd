/** A review as a request writes it, without the sidecar around it. */

import { createEventWriter } from '../../src/features/events/writer.ts';
import { createReviewViews } from '../../src/features/reviews/view.ts';
import { createPerform } from '../../src/features/reviews/write/perform.ts';
import type { Database } from '../../src/infra/postgres/database.ts';

interface Put {
  // biome-ignore lint/suspicious/noExplicitAny: tests look into the answer as a client would
  readonly review: any;
  readonly stats: { readonly review_count: number; readonly rating_sum: number };
}

export function reviewWriter(database: Database) {
  const views = createReviewViews(database, null);
  const perform = createPerform({ database, views, sink: createEventWriter(false) });
  return async (
    productId: string,
    author: { readonly id: number; readonly name: string },
    content: { readonly rating: number; readonly text: string | null },
  ): Promise<Put> => {
    const { review, stats } = await perform(productId, {
      ...{ name: 'write', json: 'ownJson' },
      values: () => [productId, author.id, author.name, JSON.stringify(content)],
      rules: { per_minute: 0, require_purchase: false, moderation: 'post', must_exist: false },
    });
    return { review: JSON.parse(review ?? 'null'), stats: stats as Put['stats'] };
  };
}
