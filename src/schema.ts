/**
 * Everything of ours in the database, feature by feature: a composition root like sidecar.ts, for the processes that
 * migrate.
 */
import { eventTables } from './features/events/tables.ts';
import { reviewTables } from './features/reviews/tables/review-tables.ts';
import { uploadTables } from './features/uploads/tables/upload-tables.ts';
import { backendTablesRecord } from './infra/postgres/backend-tables.ts';
import type { Schema } from './infra/postgres/schema-parts.ts';

export const schema: Schema = [
  reviewTables,
  { migrations: [backendTablesRecord] },
  uploadTables,
  eventTables,
];
