/**
 * `/api/reviews`: the backend's own, older reviews. Another table than the sidecar's; they look alike and must not meet.
 */
import type { RequestHandler } from 'express';
import type pg from 'pg';
import { currentUser } from './auth.ts';
import { sendInvalid } from './problems.ts';

export function listOlderReviews(pool: pg.Pool): RequestHandler {
  return async (_req, res) => {
    const found = await pool.query('SELECT * FROM reviews ORDER BY id DESC LIMIT 100');
    res.json(found.rows);
  };
}

/** Expects `{"product_id": int, "rating": 1..5, "comment": str?}` and a signed-in user. */
export function addOlderReview(pool: pg.Pool): RequestHandler {
  return async (req, res) => {
    const { product_id: productId, rating, comment } = Object(req.body);
    if (!isWhole(productId, 2 ** 31 - 1) || !isWhole(rating, 5)) {
      return sendInvalid(res, ['body'], 'value is not a valid integer', 'type_error.integer');
    }
    const added = await pool.query(
      `INSERT INTO reviews (product_id, user_id, rating, comment)
       SELECT id, $2, $3, $4 FROM products WHERE id = $1 RETURNING *`,
      [
        productId,
        currentUser(res).id,
        rating,
        typeof comment === 'string' ? comment.replaceAll('\0', '') : null,
      ],
    );
    if (added.rows[0]) res.json(added.rows[0]);
    else res.status(404).json({ detail: 'Product not found' });
  };
}

const isWhole = (value: unknown, max: number) =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= max;
