"""The backend's tables (docs/contract.md, 4), its demo rows, and a pool of connections, TLS as DATABASE_URL says."""
import os

import asyncpg

# SQLAlchemy's spelling, in which the file that the sidecar shares is written; asyncpg has its own.
URL = os.environ["DATABASE_URL"].replace("postgresql+asyncpg://", "postgresql://").replace("?ssl=", "?sslmode=")

TABLES = """
  CREATE TABLE IF NOT EXISTS users (
    id serial PRIMARY KEY, email text UNIQUE NOT NULL, name text NOT NULL, role text NOT NULL DEFAULT 'buyer',
    avatar_url text, is_active boolean NOT NULL DEFAULT true, hashed_password text NOT NULL);
  ALTER TABLE users ADD COLUMN IF NOT EXISTS is_blocked boolean NOT NULL DEFAULT false;
  CREATE TABLE IF NOT EXISTS products (
    id serial PRIMARY KEY, seller_id integer REFERENCES users (id), name text, price numeric, image_url text);
  CREATE TABLE IF NOT EXISTS orders (
    id serial PRIMARY KEY, buyer_id integer REFERENCES users (id), seller_id integer REFERENCES users (id),
    status text NOT NULL DEFAULT 'pending', created_at timestamptz NOT NULL DEFAULT now());
  CREATE TABLE IF NOT EXISTS order_items (
    order_id integer REFERENCES orders (id), product_id integer REFERENCES products (id), quantity integer,
    price numeric);
  CREATE TABLE IF NOT EXISTS reviews (
    id serial PRIMARY KEY, product_id integer, user_id integer, rating integer, comment text);
  CREATE TABLE IF NOT EXISTS likes (product_id integer, user_id integer, PRIMARY KEY (product_id, user_id));
  CREATE TABLE IF NOT EXISTS comments (product_id integer, user_id integer, text text);
"""

pool = None


async def open_database():
    global pool
    pool = await asyncpg.create_pool(
        URL, min_size=1, max_size=5, server_settings={"application_name": "gogomarket-backend"}
    )
    await pool.execute(TABLES)
    if not await fetch("SELECT 1 FROM users LIMIT 1"):
        await add_demo_rows()


async def add_demo_rows():
    from accounts import hash_password

    people = [("buyer@demo.com", "Anna", "buyer", "demo123"), ("seller@demo.com", "Boris", "seller", "demo123"),
              ("quote@demo.com", 'Vera "V"', "buyer", 'pa"ss\\wörd&')]
    for email, name, role, password in people:
        await pool.execute(
            "INSERT INTO users (email, name, role, hashed_password) VALUES ($1, $2, $3, $4)",
            email, name, role, hash_password(password),
        )
    await pool.execute(
        """INSERT INTO products (seller_id, name, price) VALUES (2, 'Lamp', 10), (2, 'Chair', 20);
           INSERT INTO orders (buyer_id, seller_id, status) VALUES (1, 2, 'delivered');
           INSERT INTO order_items VALUES (1, 1, 1, 10);"""
    )


async def close_database():
    await pool.close()


async def fetch(sql: str, *values):
    return [dict(row) for row in await pool.fetch(sql, *values)]


async def fetch_one(sql: str, *values):
    row = await pool.fetchrow(sql, *values)
    return None if row is None else dict(row)
