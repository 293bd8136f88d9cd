/**
 * The backend's tables (contract, section 4) and a few rows to look at. Safe to run at every start.
 */
import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto';
import type pg from 'pg';

export const DEMO_PASSWORD = 'demo123';
export const DEMO_USERS = [
  { email: 'buyer@demo.com', name: 'Anna Buyer', role: 'buyer' },
  { email: 'seller@demo.com', name: 'Boris Seller', role: 'seller' },
  { email: 'courier@demo.com', name: 'Clara Courier', role: 'courier' },
  { email: 'admin@demo.com', name: 'Dmitri Admin', role: 'admin' },
] as const;

const TABLES = `
  CREATE TABLE IF NOT EXISTS users (
    id serial PRIMARY KEY, email text UNIQUE NOT NULL, name text NOT NULL, role text NOT NULL DEFAULT 'buyer',
    avatar_url text, is_active boolean NOT NULL DEFAULT true, is_blocked boolean NOT NULL DEFAULT false,
    hashed_password text NOT NULL);
  CREATE TABLE IF NOT EXISTS products (
    id serial PRIMARY KEY, seller_id integer REFERENCES users (id), name text NOT NULL, price numeric NOT NULL, image_url text);
  CREATE TABLE IF NOT EXISTS orders (
    id serial PRIMARY KEY, buyer_id integer REFERENCES users (id), seller_id integer REFERENCES users (id),
    status text NOT NULL DEFAULT 'pending', created_at timestamptz NOT NULL DEFAULT now());
  CREATE TABLE IF NOT EXISTS order_items (
    order_id integer REFERENCES orders (id), product_id integer REFERENCES products (id), quantity integer NOT NULL, price numeric NOT NULL);`;

const ROWS = `
  INSERT INTO products (seller_id, name, price)
  SELECT s.id, p.name, p.price FROM users s, (VALUES ('Wool scarf', 25), ('Clay mug', 12), ('Desk lamp', 49)) AS p (name, price)
   WHERE s.email = 'seller@demo.com' AND NOT EXISTS (SELECT 1 FROM products);
  INSERT INTO orders (buyer_id, seller_id, status)
  SELECT b.id, s.id, 'delivered' FROM users b, users s
   WHERE b.email = 'buyer@demo.com' AND s.email = 'seller@demo.com' AND NOT EXISTS (SELECT 1 FROM orders);
  INSERT INTO order_items (order_id, product_id, quantity, price)
  SELECT o.id, p.id, 1, p.price FROM orders o, products p
   WHERE p.id = 1 AND NOT EXISTS (SELECT 1 FROM order_items);`;

export async function createDemoTables(pool: pg.Pool): Promise<void> {
  await pool.query(TABLES);
  for (const { email, name, role } of DEMO_USERS) {
    await pool.query(
      `INSERT INTO users (email, name, role, hashed_password) VALUES ($1, $2, $3, $4) ON CONFLICT (email) DO NOTHING`,
      [email, name, role, hashPassword(DEMO_PASSWORD)],
    );
  }
  await pool.query(ROWS);
}

const hashPassword = (password: string) => {
  const salt = randomBytes(16).toString('hex');
  return `${salt}:${scryptSync(password, salt, 32).toString('hex')}`;
};

export function passwordMatches(password: string, stored: string): boolean {
  const [salt = '', hash = ''] = stored.split(':');
  const expected = Buffer.from(hash, 'hex');
  return expected.length === 32 && timingSafeEqual(scryptSync(password, salt, 32), expected);
}
