/** Every migration, oldest first. Add at the end; never change a released one. */
import { backendTablesRecord } from '../postgres/backend-tables.ts';
import type { Migration } from '../postgres/migrate.ts';
import { productReviews } from './0001-product-reviews.ts';
import { productReviewStats } from './0002-product-review-stats.ts';

export const migrations: readonly Migration[] = [productReviews, productReviewStats, backendTablesRecord];
