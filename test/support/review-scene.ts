/** A sidecar with what the tests of reviews need besides: an admin, and reviews without the way through the routes. */
import { query } from '../../scripts/lab/database.ts';
import { type ApiAnswer, api } from './api.ts';
import { type SidecarWithDatabase, sidecarWithDatabase } from './sidecar-with-database.ts';

/** As createBackendTables() numbers them, and two more. */
export const ANNA = 1;
export const SELLER = 2;
export const VERA = 5;
export const ADMIN = 6;
export const OTHER_SELLER = 7;

export interface ReviewScene extends SidecarWithDatabase {
  /** A request by a user (or nobody) to /api/… */
  ask(method: string, path: string, user?: number, json?: unknown): Promise<ApiAnswer>;
  /** SQL on its database. */
  // biome-ignore lint/suspicious/noExplicitAny: rows as they come
  sql(text: string, values?: unknown[]): Promise<any[]>;
  /** A row as the old module writes it, and more of it by SQL. @returns its id */
  insert(row?: Readonly<Record<string, unknown>>): Promise<number>;
  /** No reviews and nothing that was remembered of any. */
  empty(): Promise<void>;
}

/** @param env settings of the sidecar */
export function reviewScene(use: (scene: ReviewScene) => void, env: Record<string, string> = {}): void {
  sidecarWithDatabase(async (started) => {
    const { url, sidecar } = started;
    const sql: ReviewScene['sql'] = (text, values) => query(url, text, values);
    await sql(`INSERT INTO users (id, email, name, role) VALUES
      (${ADMIN}, 'admin@demo.com', 'Dora', 'admin'), (${OTHER_SELLER}, 'other@demo.com', 'Oleg', 'seller')`);
    await sql(`INSERT INTO products (id, seller_id, name) VALUES (9, ${OTHER_SELLER}, 'Vase')`);
    use({
      ...started,
      ask: (method, path, user, json) =>
        api(method, `${sidecar.url}/api/${path}`, {
          ...(user === undefined ? {} : { user }),
          ...(json === undefined ? {} : { json }),
        }),
      sql,
      async insert(row = {}) {
        const all = {
          product_id: '1',
          author_id: String(ANNA),
          author_name: 'Anna',
          rating: 5,
          text: 'good',
          ...row,
        };
        const names = Object.keys(all);
        const [found] = await sql(
          `INSERT INTO product_reviews (${names}) VALUES (${names.map((_, i) => `$${i + 1}`)}) RETURNING id::integer`,
          Object.values(all),
        );
        return found.id;
      },
      async empty() {
        await sql(`TRUNCATE product_reviews RESTART IDENTITY; TRUNCATE product_review_moderated, product_review_history;
          DELETE FROM product_review_settings; TRUNCATE sidecar_events; TRUNCATE orders CASCADE`);
      },
    });
  }, env);
}
