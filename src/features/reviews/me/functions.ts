/** In the database: whether a user may review a product, and what there is of theirs. */
import { action, FIND_SELLER } from '../write/sql.ts';

/** Of votes those for what is shown: an own one says nothing of a review that is not. */
const STANDING = `
  DECLARE
    seller bigint;
    is_found boolean := true;
  BEGIN
    IF NOT standalone THEN
      ${FIND_SELLER}
      is_found := FOUND;
    END IF;
    RETURN jsonb_build_object(
      'is_found', is_found,
      'is_seller', coalesce(seller = whose, false),
      'is_bought', product_review_bought(product, whose),
      'review', (SELECT to_jsonb(r.*) FROM product_reviews AS r
                  WHERE r.product_id = product AND r.author_id = whose::text AND r.rating IS NOT NULL
                  ORDER BY r.id DESC LIMIT 1),
      'helpful_ids', (SELECT coalesce(jsonb_agg(vote.review_id ORDER BY vote.review_id), '[]')
                        FROM product_review_votes AS vote JOIN product_reviews AS r ON r.id = vote.review_id
                       WHERE vote.user_id = whose AND vote.product_id = product AND r.superseded_at IS NULL));
  END`;

export const ME_FUNCTIONS = [
  action('standing', { product: 'text', whose: 'bigint', standalone: 'boolean' }, STANDING),
];
