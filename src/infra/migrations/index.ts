/** Every migration, oldest first. Add at the end; never change a released one. */

// biome-ignore lint/style/noRestrictedImports: until the lists of the features' tables have moved out of infra
import { uploadTables } from '../../features/uploads/tables/upload-tables.ts';
import { backendTablesRecord } from '../postgres/backend-tables.ts';
import type { Migration } from '../postgres/migrate.ts';
import { productReviews } from './0001-product-reviews.ts';
import { productReviewStats } from './0002-product-review-stats.ts';

export const migrations: readonly Migration[] = [
  productReviews,
  productReviewStats,
  backendTablesRecord,
  uploadTables,
];
