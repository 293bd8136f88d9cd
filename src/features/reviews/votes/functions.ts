/** In the database: a vote. One row per user, counted by a trigger (tables/functions.ts). */
import { action, findShown, refuseTaken, START, takePace } from '../write/sql.ts';

const VOTE = `
  DECLARE
    wait integer;
    review product_reviews;
  BEGIN
    ${START}
    ${takePace('vote', 'voter')}
    ${findShown('FOR UPDATE')}
    ${refuseTaken('vote', 'voter', 'review.id IS NULL', 'not_found')}
    ${refuseTaken('vote', 'voter', 'review.author_id = voter::text', 'own_review')}
    IF (rules -> 'helpful')::boolean THEN
      INSERT INTO product_review_votes (review_id, user_id, product_id) VALUES (wanted, voter, product) ON CONFLICT DO NOTHING;
    ELSE
      DELETE FROM product_review_votes AS vote WHERE vote.review_id = wanted AND vote.user_id = voter;
    END IF;
    RETURN jsonb_build_object('helpful_count',
      (SELECT coalesce(r.helpful_count, 0) FROM product_reviews AS r WHERE r.id = wanted));
  END`;

export const VOTE_FUNCTIONS = [
  action('vote', { wanted: 'bigint', product: 'text', voter: 'bigint', rules: 'jsonb' }, VOTE),
];
