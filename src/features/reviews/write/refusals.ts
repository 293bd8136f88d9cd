/** Why one of the functions has changed nothing, as the clients are told. */
import { AppError } from '../../../errors.ts';
import type { PlainErrorKey } from '../../../words/catalogue.ts';

const REFUSALS: Readonly<Record<string, PlainErrorKey>> = {
  product_not_found: 'product_not_found',
  not_found: 'review_not_found',
  no_review: 'own_review_not_found',
  own_product: 'own_product',
  purchase_required: 'purchase_required',
  own_review: 'own_review',
  not_the_seller: 'not_the_seller',
  not_hidden: 'not_hidden',
  already_appealed: 'already_appealed',
};

/** @param retryAfterSeconds of `rate_limited` */
export function refusalOf(refusal: string, retryAfterSeconds: number | null): Error {
  if (refusal === 'rate_limited')
    return new AppError('too_many_actions', { params: { retry_after: retryAfterSeconds ?? 60 } });
  const key = REFUSALS[refusal];
  return key === undefined ? new Error(`unknown refusal: ${refusal}`) : new AppError(key);
}
