/** Knex ships no types for its dialects, which it documents as the way to extend a client. */
declare module 'knex/lib/dialects/postgres/index.js' {
  import type { Knex } from 'knex';

  // biome-ignore lint/style/noDefaultExport: the module is CommonJS; this is how it looks to an import
  export default class PostgresClient extends Knex.Client {
    pool: Extract<Knex.Client['pool'], { numUsed(): number }>;
    _driver(): unknown;
    acquireRawConnection(): Promise<unknown>;
    destroyRawConnection(connection: unknown): Promise<unknown>;
    _query(connection: unknown, query: unknown): Promise<unknown>;
    transaction(container: unknown, config?: Knex.TransactionConfig, outer?: unknown): Knex.Transaction;
  }
}
