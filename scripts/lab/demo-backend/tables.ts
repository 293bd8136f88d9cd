/**
 * The backend's tables (docs/contract.md, 4) and a few rows to look at. Safe to run at every start, and by several
 * processes at once.
 */
import type pg from 'pg';
import { hashPassword } from './passwords.ts';

export const DEMO_PASSWORD = 'demo123';
export const BUYER_EMAIL = 'buyer@demo.com';
const DEMO_USERS = [
  { email: BUYER_EMAIL, name: 'Anna Buyer', role: 'buyer' },
  { email: 'seller@demo.com', name: 'Boris Seller', role: 'seller' },
  { email: 'courier@demo.com', name: 'Clara Courier', role: 'courier' },
  { email: 'admin@demo.com', name: 'Dmitri Admin', role: 'admin' },
] as const;

/** Comment on the users table, by which the demo knows its own database again. */
const MARK = 'made by the GoGoMarket demo backend';
/** Any number: the same one in every demo backend. */
const LOCK_ID = 780_110_001;

const TABLES = `
  CREATE TABLE IF NOT EXISTS users (
    id serial PRIMARY KEY, email text UNIQUE NOT NULL, name text NOT NULL, role text NOT NULL DEFAULT 'buyer',
    avatar_url text, is_active boolean NOT NULL DEFAULT true, is_blocked boolean NOT NULL DEFAULT false,
    hashed_password text NOT NULL);
  COMMENT ON TABLE users IS '${MARK}';
  CREATE TABLE IF NOT EXISTS products (
    id serial PRIMARY KEY, seller_id integer REFERENCES users (id), name text NOT NULL, price numeric NOT NULL,
    image_url text);
  CREATE TABLE IF NOT EXISTS orders (
    id serial PRIMARY KEY, buyer_id integer REFERENCES users (id), seller_id integer REFERENCES users (id),
    status text NOT NULL DEFAULT 'pending', created_at timestamptz NOT NULL DEFAULT now());
  CREATE TABLE IF NOT EXISTS order_items (
    order_id integer REFERENCES orders (id), product_id integer REFERENCES products (id), quantity integer NOT NULL,
    price numeric NOT NULL);
  CREATE TABLE IF NOT EXISTS reviews (
    id serial PRIMARY KEY, product_id integer REFERENCES products (id), user_id integer REFERENCES users (id),
    rating integer NOT NULL, comment text, created_at timestamptz NOT NULL DEFAULT now());`;

const ROWS = `
  INSERT INTO products (seller_id, name, price)
  SELECT s.id, p.name, p.price
    FROM users s, (VALUES ('Wool scarf', 25), ('Clay mug', 12.5), ('Desk lamp', 49)) AS p (name, price)
   WHERE s.email = 'seller@demo.com' AND NOT EXISTS (SELECT 1 FROM products);
  INSERT INTO orders (buyer_id, seller_id, status)
  SELECT b.id, s.id, 'delivered' FROM users b, users s
   WHERE b.email = '${BUYER_EMAIL}' AND s.email = 'seller@demo.com' AND NOT EXISTS (SELECT 1 FROM orders);
  INSERT INTO order_items (order_id, product_id, quantity, price)
  SELECT o.id, p.id, 1, p.price FROM orders o, products p
   WHERE p.name = 'Wool scarf' AND NOT EXISTS (SELECT 1 FROM order_items);`;

/** @throws Error with a sentence when the database belongs to another backend: nothing is written then */
export async function createDemoTables(client: pg.ClientBase): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK_ID]);
    if (await hasForeignUsers(client)) {
      throw new Error(
        'The database has a users table that the demo backend did not make, and well-known passwords do not belong there.',
      );
    }
    await client.query(TABLES);
    await addMissingUsers(client);
    await client.query(ROWS);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

/** Whether the database holds the users of another backend, a real one perhaps; in any schema, found or not. */
export async function hasForeignUsers(client: pg.ClientBase): Promise<boolean> {
  const found = await client.query(
    `SELECT FROM pg_class
      WHERE relname = 'users' AND relkind IN ('r', 'p', 'v', 'm', 'f') AND relpersistence <> 't'
        AND obj_description(oid, 'pg_class') IS DISTINCT FROM $1`,
    [MARK],
  );
  return found.rowCount !== 0;
}

async function addMissingUsers(client: pg.ClientBase): Promise<void> {
  const found = await client.query<{ email: string }>('SELECT email FROM users');
  const known = new Set(found.rows.map((row) => row.email));
  for (const { email, name, role } of DEMO_USERS) {
    if (known.has(email)) continue;
    await client.query('INSERT INTO users (email, name, role, hashed_password) VALUES ($1, $2, $3, $4)', [
      email,
      name,
      role,
      await hashPassword(DEMO_PASSWORD),
    ]);
  }
}
