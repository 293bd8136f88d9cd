/**
 * Tells the triggers whether reviews are shown before a moderator has seen them: the old module's rows are theirs alone to
 * decide about (tables/functions.ts). Beside the running work, until it has succeeded: the database may be away, or the
 * table not be there yet.
 */
import type { Database } from '../../../infra/postgres/database.ts';

export interface ModerationSetting {
  /** Nothing, when it is under way or done. */
  start(): void;
  stop(): void;
}

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 15_000;

const WRITE = `
  INSERT INTO product_review_settings AS setting (moderation) VALUES ($1)
      ON CONFLICT (only_row) DO UPDATE SET moderation = excluded.moderation
   WHERE setting.moderation IS DISTINCT FROM excluded.moderation`;

export function createModerationSetting(database: Database, moderation: 'post' | 'pre'): ModerationSetting {
  let isStarted = false;
  let isStopped = false;
  let retry: NodeJS.Timeout | undefined;
  let waitMs = FIRST_RETRY_MS;

  const write = () =>
    database.query({ name: 'review_setting', text: WRITE, values: [moderation] }).catch(() => {
      if (isStopped) return;
      retry = setTimeout(write, waitMs).unref();
      waitMs = Math.min(LONGEST_RETRY_MS, waitMs * 2);
    });

  return {
    start() {
      if (!isStarted) write();
      isStarted = true;
    },
    stop() {
      isStarted = true;
      isStopped = true;
      clearTimeout(retry);
    },
  };
}
