/** What the sidecars do beside requests: is it done, and in time? */
import { operateOutbox } from '../../src/features/events/operator.ts';
import { createDueLook } from '../../src/features/uploads/figures.ts';
import { createDatabase } from '../../src/infra/postgres/database.ts';
import { isSchemaMissing } from '../../src/infra/postgres/failure.ts';
import { notApplicable, ok, unchecked, wrong } from '../uploads/check.ts';
import { reasonOf } from './http-get.ts';
import type { DoctorCheck } from './scene.ts';

/** docs/operations.md: worth an alarm. */
const LATE_EVENTS_SECONDS = 600;
const LATE_UPLOADS_SECONDS = 300;

const OUTBOX: DoctorCheck = {
  name: 'events',
  needs: [],
  async run({ words, setting, sources }, signal) {
    const target = setting('DATABASE_URL');
    if (target === null) return unchecked(words.settingFirst('DATABASE_URL'));
    const isSent = Boolean(sources.env.EVENTS_WEBHOOK_URL);
    try {
      const { waiting, oldestSeconds, failed } = await operateOutbox(target, (outbox) => outbox.status(), {
        signal,
      });
      const said = words.outbox(waiting, Math.round(oldestSeconds), failed);
      if (!isSent) return waiting > 0 ? wrong(said, words.nobodySends) : notApplicable(words.noWebhook);
      if (failed > 0) return wrong(said, words.lookAtFailed);
      return waiting > 0 && oldestSeconds > LATE_EVENTS_SECONDS ? wrong(said, words.receiverAway) : ok(said);
    } catch (error) {
      signal.throwIfAborted();
      return isSchemaMissing(error) ? wrong(words.noOutbox, words.migrate) : unchecked(reasonOf(error));
    }
  },
};

const UPLOADS: DoctorCheck = {
  name: 'uploads that are due',
  needs: [],
  async run({ words, setting }) {
    const target = setting('DATABASE_URL');
    if (target === null) return unchecked(words.settingFirst('DATABASE_URL'));
    const database = createDatabase(target, { poolMax: 1 });
    try {
      const look = createDueLook(database, setting('S3_BUCKET') ?? null);
      await look.run();
      const seen = look.read();
      const oldestSeconds = seen?.oldestSeconds ?? 0;
      const count = Object.values(seen?.due ?? {}).reduce((sum, one) => sum + one, 0);
      const said = words.due(count, Math.round(oldestSeconds));
      return oldestSeconds > LATE_UPLOADS_SECONDS ? wrong(said, words.passStands) : ok(said);
    } catch (error) {
      return isSchemaMissing(error) ? wrong(words.noUploads, words.migrate) : unchecked(reasonOf(error));
    } finally {
      await database.close();
    }
  },
};

export const workChecks = [OUTBOX, UPLOADS];
