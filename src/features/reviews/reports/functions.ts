/** In the database: a report, which may hold the review, and its author's answer to a moderator's. */
import {
  action,
  answer,
  event,
  FIND_SELLER,
  findShown,
  noteHold,
  refuseTaken,
  START,
  takePace,
} from '../write/sql.ts';

/** Those of the seller, and of whoever has not got the product, are for the admins and do not count. */
const HOLD_IF_ENOUGH = `
    IF (rules ->> 'hold_after')::integer > 0 THEN
      IF NOT (rules -> 'standalone')::boolean THEN
        ${FIND_SELLER}
      END IF;
      SELECT count(*) INTO counted FROM product_review_reports AS report
       WHERE report.review_id = wanted AND report.resolved_at IS NULL AND report.user_id IS DISTINCT FROM seller
         AND product_review_bought(product, report.user_id);
      IF counted >= (rules ->> 'hold_after')::integer THEN
        review.status := 'held';
        review.status_reason := 'reports';
        events := events || ${event('held', 'NULL')};
        ${noteHold('reports', `'published'`)}
      END IF;
    END IF;`;

/**
 * The author's turn comes before the review, as in every change of a status. Once somebody has reported a review it is reported,
 * whatever has become of it.
 */
const REPORT = `
  DECLARE
    wait integer;
    review product_reviews;
    seller bigint;
    counted integer;
    events jsonb := '[]';
  BEGIN
    ${START}
    ${takePace('write', 'reporter')}
    ${findShown('')}
    IF review.id IS NOT NULL THEN
      PERFORM pg_advisory_xact_lock(product_review_turn(product, review.author_id::text));
      ${findShown('FOR UPDATE')}
    END IF;
    IF EXISTS (SELECT FROM product_review_reports AS report JOIN product_reviews AS r ON r.id = report.review_id
                WHERE report.review_id = wanted AND report.user_id = reporter AND r.product_id = product) THEN
      RETURN '{}';
    END IF;
    ${refuseTaken('write', 'reporter', 'review.id IS NULL', 'not_found')}
    ${refuseTaken('write', 'reporter', 'review.author_id = reporter::text', 'own_review')}
    INSERT INTO product_review_reports (review_id, user_id, reason, note)
    VALUES (wanted, reporter, rules ->> 'reason', rules ->> 'note');
    events := ${event('reported', 'reporter')};
    ${HOLD_IF_ENOUGH}
    UPDATE product_reviews AS r
       SET report_count = coalesce(r.report_count, 0) + 1, status = review.status, status_reason = review.status_reason
     WHERE r.id = wanted RETURNING * INTO review;
    ${answer('events')}
  END`;

const APPEAL = `
  DECLARE
    wait integer;
    review product_reviews;
  BEGIN
    ${START}
    ${takePace('write', 'author')}
    SELECT * INTO review FROM product_reviews AS r WHERE r.id = wanted AND r.author_id = author::text FOR UPDATE;
    ${refuseTaken('write', 'author', 'review.id IS NULL', 'not_found')}
    ${refuseTaken('write', 'author', 'EXISTS (SELECT FROM product_review_appeals AS appeal WHERE appeal.review_id = wanted)', 'already_appealed')}
    ${refuseTaken('write', 'author', `review.status IS DISTINCT FROM 'hidden'`, 'not_hidden')}
    INSERT INTO product_review_appeals (review_id, author_id, text) VALUES (wanted, author::text, rules ->> 'text');
    RETURN '{}';
  END`;

export const REPORT_FUNCTIONS = [
  action('report', { wanted: 'bigint', product: 'text', reporter: 'bigint', rules: 'jsonb' }, REPORT),
  action('appeal', { wanted: 'bigint', author: 'bigint', rules: 'jsonb' }, APPEAL),
];
