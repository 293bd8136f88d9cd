/** What there is and what waits: uploads and reviews by their status, the looks that are due, the outbox. */
import { createOutbox } from '../../../../src/features/events/outbox.ts';
import { createDueLook } from '../../../../src/features/uploads/figures.ts';
import type { Database } from '../../../../src/infra/postgres/database.ts';
import { reasonOf } from '../../../doctor/http-get.ts';

export interface WorkState {
  readonly uploads: Readonly<Record<string, number>>;
  readonly reviews: Readonly<Record<string, number>>;
  /** Uploads whose look is due, and since when the oldest. */
  readonly due: { readonly count: number; readonly oldestSeconds: number };
  readonly outbox: Readonly<Record<'waiting' | 'delivered' | 'failed' | 'oldestSeconds', number>>;
}

/** What is not published is beside what is shown, or in its place. */
const COUNTS = `
  SELECT 'uploads' AS what, status, count(*)::integer AS count FROM sidecar_uploads GROUP BY status
   UNION ALL
  SELECT 'reviews', coalesce(status, 'published'), count(*)::integer FROM product_reviews
   WHERE superseded_at IS NULL OR status <> 'published' GROUP BY 2
   UNION ALL
  SELECT 'outbox', 'delivered', count(*)::integer FROM sidecar_events WHERE delivered_at IS NOT NULL
   ORDER BY 1, 2`;

/** @returns looks at it; a sentence when the database does not say */
export function createWorkLook(database: Database): () => Promise<WorkState | string> {
  const outbox = createOutbox(database);
  const dueLook = createDueLook(database);
  return async () => {
    try {
      const { rows } = await database.run((knex) =>
        knex.raw<{ rows: { what: string; status: string; count: number }[] }>(COUNTS),
      );
      const of = (what: string) =>
        Object.fromEntries(
          rows.filter((row) => row.what === what).map(({ status, count }) => [status, count]),
        );
      await dueLook.run();
      const due = dueLook.read();
      return {
        ...{ uploads: of('uploads'), reviews: of('reviews') },
        due: {
          count: Object.values(due?.due ?? {}).reduce((sum, count) => sum + count, 0),
          oldestSeconds: Math.round(due?.oldestSeconds ?? 0),
        },
        outbox: { ...(await outbox.figures()), delivered: of('outbox').delivered ?? 0 },
      };
    } catch (error) {
      return reasonOf(error instanceof Error && error.cause !== undefined ? error.cause : error);
    }
  };
}
