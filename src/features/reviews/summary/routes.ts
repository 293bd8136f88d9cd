/** GET /api/product-reviews/summary: what the reviews of many products come to, for lists of products. */
import { z } from 'zod';
import { withDatabaseDeadline } from '../../../edge/deadline.ts';
import type { Route } from '../../../edge/route.ts';
import { parseQuery } from '../../../edge/validate.ts';
import { breaks } from '../../../words/messages.ts';
import { productIdSchema } from '../schema.ts';
import type { Summaries } from './summaries.ts';

const MAX_PRODUCTS = 200;
const idsMessage = breaks('product_ids', { max: MAX_PRODUCTS });

export const summaryQuerySchema = z.object({
  product_ids: z
    .string({ error: idsMessage })
    .transform((text) => [...new Set(text.split(','))])
    .refine((ids) => ids.length <= MAX_PRODUCTS, idsMessage)
    .refine((ids) => ids.every((id) => productIdSchema.safeParse(id).success), idsMessage),
});

/** Public, as the list is. */
export function summaryRoutes({ summaries }: { readonly summaries: Summaries }): Route[] {
  return [
    {
      method: 'GET',
      path: '/api/product-reviews/summary',
      async handler(req, res) {
        const { product_ids: ids } = parseQuery(summaryQuerySchema, req.query);
        const found = await withDatabaseDeadline(req, (untilMs) => summaries.of(ids, { untilMs }));
        res.set('Cache-Control', 'no-store');
        // fromEntries, since an id may be called __proto__.
        res.json({ summaries: Object.fromEntries(found) });
      },
    },
  ];
}
