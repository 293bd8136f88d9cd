/**
 * The demo backend's routes. It knows nothing of the sidecar's: no /api/uploads, no reviews below a product.
 */
import express, { type Express, type RequestHandler } from 'express';
import type pg from 'pg';
import { createRequireUser, currentUser, logIn } from './auth.ts';
import { cors } from './cors.ts';
import { receiveUpload, sendMedia } from './media.ts';
import { addOlderReview, listOlderReviews } from './older-reviews.ts';
import { errorHandler, methodNotAllowed, notFound, sendInvalid } from './problems.ts';

export interface DemoAppOptions {
  readonly pool: pg.Pool;
  readonly jwtSecret: string;
  readonly mediaDir: string;
  /** Told of every defect that ended in a 500. */
  readonly report: (error: unknown) => void;
}

/** GET handlers and POST handlers by path; FastAPI answers any other method with 405, HEAD too. */
type Routes = Readonly<Record<string, { get?: RequestHandler[]; post?: RequestHandler[] }>>;

export function createDemoApp({ pool, jwtSecret, mediaDir, report }: DemoAppOptions): Express {
  const requireUser = createRequireUser(pool, jwtSecret);
  const json = express.json({ strict: false });
  const routes: Routes = {
    '/healthz': { get: [(_req, res) => void res.json({ status: 'ok' })] },
    '/api/auth/login': { post: [json, logIn(pool, jwtSecret)] },
    '/api/auth/me': { get: [requireUser, (_req, res) => void res.json(currentUser(res))] },
    '/api/products': { get: [listProducts(pool)] },
    '/api/products/:id': { get: [oneProduct(pool)] },
    '/api/orders': { get: [requireUser, listOrders(pool)] },
    '/api/reviews': { get: [listOlderReviews(pool)], post: [requireUser, json, addOlderReview(pool)] },
    '/api/upload/video': { post: [requireUser, receiveUpload(mediaDir)] },
  };
  const app = express();
  app.disable('x-powered-by').disable('etag').enable('strict routing').enable('case sensitive routing');
  app.use(cors);
  for (const [path, { get, post }] of Object.entries(routes)) {
    app.head(path, methodNotAllowed);
    if (get) app.get(path, ...get);
    if (post) app.post(path, ...post);
    app.all(path, methodNotAllowed);
  }
  app.get('/media/:name', sendMedia(mediaDir));
  app.use(notFound);
  app.use(errorHandler(report));
  return app;
}

const PRODUCT_COLUMNS = 'id, seller_id, name, price::float8 AS price, image_url';

function listProducts(pool: pg.Pool): RequestHandler {
  return async (_req, res) => {
    const found = await pool.query(`SELECT ${PRODUCT_COLUMNS} FROM products ORDER BY id`);
    res.json(found.rows);
  };
}

function oneProduct(pool: pg.Pool): RequestHandler {
  return async (req, res) => {
    const id = String(req.params.id);
    if (!/^\d{1,9}$/.test(id)) {
      return sendInvalid(res, ['path', 'product_id'], 'value is not a valid integer', 'type_error.integer');
    }
    const found = await pool.query(`SELECT ${PRODUCT_COLUMNS} FROM products WHERE id = $1`, [id]);
    if (found.rows[0]) res.json(found.rows[0]);
    else res.status(404).json({ detail: 'Product not found' });
  };
}

function listOrders(pool: pg.Pool): RequestHandler {
  return async (_req, res) => {
    const found = await pool.query(
      `SELECT o.id, o.buyer_id, o.seller_id, o.status, o.created_at,
              coalesce(json_agg(json_build_object('product_id', i.product_id, 'quantity', i.quantity, 'price', i.price))
                       FILTER (WHERE i.order_id IS NOT NULL), '[]') AS items
         FROM orders o LEFT JOIN order_items i ON i.order_id = o.id
        WHERE o.buyer_id = $1 GROUP BY o.id ORDER BY o.id DESC`,
      [currentUser(res).id],
    );
    res.json(found.rows);
  };
}
