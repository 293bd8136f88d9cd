/** The shop's people, products and orders, into the tables of the demo backend. In one transaction, so all of it or nothing. */
import type { Knex } from 'knex';
import { hashPassword } from '../../lab/demo-backend/passwords.ts';
import { DEMO_PASSWORD } from '../../lab/demo-backend/tables.ts';
import type { DemoShop } from './shop.ts';

/** Ids in the database, by the place in the shop's lists. */
export interface ShopIds {
  readonly sellers: readonly number[];
  readonly buyers: readonly number[];
  readonly products: readonly number[];
}

/** What is there already stays as it is. */
export async function putPeople(knex: Knex, shop: DemoShop): Promise<ShopIds> {
  const password = await hashPassword(DEMO_PASSWORD);
  return knex.transaction(async (trx) => {
    await trx.raw(USERS, [password, JSON.stringify([...shop.sellers, ...shop.buyers])]);
    const idOf = await idsByName(trx, 'SELECT email AS name, id FROM users');
    const sellers = shop.sellers.map(({ email }) => idOf(email));
    const buyers = shop.buyers.map(({ email }) => idOf(email));
    const products = shop.products.map(({ seller, ...product }) => ({
      ...product,
      seller_id: sellers[seller],
    }));
    await trx.raw(PRODUCTS, [JSON.stringify(products)]);
    const productOf = await idsByName(trx, 'SELECT name, min(id) AS id FROM products GROUP BY name');
    const ids = { sellers, buyers, products: shop.products.map(({ name }) => productOf(name)) };
    await trx.raw(ORDERS, [JSON.stringify(ordersOf(shop, ids, idOf('buyer@demo.com'))), buyers]);
    return ids;
  });
}

async function idsByName(trx: Knex.Transaction, sql: string): Promise<(name: string) => number> {
  const { rows } = await trx.raw<{ rows: { name: string; id: number }[] }>(sql);
  const ids = new Map(rows.map(({ name, id }) => [name, id]));
  return (name) => {
    const id = ids.get(name);
    if (id === undefined) throw new Error(`${name} is not there.`);
    return id;
  };
}

/** Who is verified has bought it some days before; the buyer of the demo has things that wait for a review. */
function ordersOf({ reviews, products }: DemoShop, ids: ShopIds, demoBuyer: number) {
  const bought = reviews.filter(({ isVerified }) => isVerified);
  const line = (buyer: number | undefined, product: number, at: number, status = 'delivered') => ({
    ...{ buyer, status, at: new Date(at).toISOString() },
    ...{ seller: ids.sellers[products[product]?.seller ?? 0], product: ids.products[product] },
    price: products[product]?.price,
  });
  const latest = reviews.at(-1)?.createdAt.getTime() ?? 0;
  return [
    ...bought.map(({ author, product, createdAt }) =>
      line(ids.buyers[author], product, createdAt.getTime() - 6 * 86_400_000),
    ),
    ...[3, 11, 19, 27, 35].map((product) => line(demoBuyer, product, latest)),
    ...[8, 16].map((product) => line(demoBuyer, product, latest, 'shipped')),
  ];
}

const USERS = `
  INSERT INTO users (email, name, role, hashed_password)
  SELECT p.email, p.name, p.role, ?
    FROM ROWS FROM (json_to_recordset(?) AS (email text, name text, role text)) WITH ORDINALITY AS p (email, name, role, place)
   WHERE NOT EXISTS (SELECT FROM users AS u WHERE u.email = p.email)
   ORDER BY place`;

const PRODUCTS = `
  INSERT INTO products (seller_id, name, price)
  SELECT p.seller_id, p.name, p.price
    FROM ROWS FROM (json_to_recordset(?) AS (seller_id integer, name text, price numeric))
         WITH ORDINALITY AS p (seller_id, name, price, place)
   WHERE NOT EXISTS (SELECT FROM products AS there WHERE there.name = p.name)
   ORDER BY place`;

/** None, once the shop's buyers have any. */
const ORDERS = `
  WITH line AS MATERIALIZED (
    SELECT nextval(pg_get_serial_sequence('orders', 'id')) AS id, l.*
      FROM json_to_recordset(?) AS l (buyer integer, seller integer, product integer, price numeric, status text, at timestamptz)
     WHERE NOT EXISTS (SELECT FROM orders WHERE buyer_id = ANY (?::integer[]))
  ), made AS (
    INSERT INTO orders (id, buyer_id, seller_id, status, created_at) SELECT id, buyer, seller, status, at FROM line RETURNING id
  )
  INSERT INTO order_items (order_id, product_id, quantity, price) SELECT id, product, 1, price FROM line JOIN made USING (id)`;
