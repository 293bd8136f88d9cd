/** Why one of the functions has changed nothing, as the clients are told. */
import { type AppError, conflict, forbidden, notFound, tooMany } from '../../../errors.ts';

const REFUSALS: Readonly<Record<string, () => AppError>> = {
  product_not_found: () => notFound('Product not found'),
  not_found: () => notFound('There is no such review.'),
  no_review: () => notFound('You have not reviewed this product.'),
  own_product: () => forbidden('You cannot review your own product.', 'own_product'),
  purchase_required: () =>
    forbidden('Only those who have bought this product and received it can review it.', 'purchase_required'),
  own_review: () => forbidden('This is your own review.', 'own_review'),
  not_the_seller: () => forbidden('Only the seller of this product can reply.', 'not_the_seller'),
  not_hidden: () => conflict('not_hidden', 'This review is not hidden.'),
  already_appealed: () => conflict('already_appealed', 'You have appealed already.'),
};

/** @param retryAfterSeconds of `rate_limited` */
export function refusalOf(refusal: string, retryAfterSeconds: number | null): Error {
  if (refusal === 'rate_limited')
    return tooMany(
      'rate_limited',
      'You have done this many times just now. Please wait a moment.',
      retryAfterSeconds ?? 60,
    );
  return REFUSALS[refusal]?.() ?? new Error(`unknown refusal: ${refusal}`);
}
