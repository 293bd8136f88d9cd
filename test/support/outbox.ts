/** An outbox of its own for a test, and passes over it as several sidecars have them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { query, type TestDatabaseServer, usingDatabase } from '../../scripts/lab/database.ts';
import { parseDatabaseUrl } from '../../src/config/database-url.ts';
import { createEventDelivery, type EventDelivery } from '../../src/features/events/delivery.ts';
import { createOutbox } from '../../src/features/events/outbox.ts';
import { createSend } from '../../src/features/events/send.ts';
import { eventTables } from '../../src/features/events/tables.ts';
import { createEventWriter } from '../../src/features/events/writer.ts';
import { createLogger, type Log } from '../../src/infra/logger.ts';
import { createDatabase } from '../../src/infra/postgres/database.ts';
import { migrateDatabase } from '../../src/infra/postgres/migrate.ts';
import { WEBHOOK_SECRET } from './webhook-receiver.ts';

/** A new database with nothing but the outbox. */
export const createOutboxDatabase = (server: TestDatabaseServer): Promise<string> =>
  server.createDatabase(outboxAlone);

const outboxAlone = (url: string) => migrateDatabase(parseDatabaseUrl(url), [eventTables]);

export interface NewEvent {
  readonly subject: string;
  readonly type: string;
  readonly data: unknown;
  readonly occurredAt?: Date;
}

const RECORD = `WITH told AS (${createEventWriter(true).insertFrom(
  'SELECT ?::text, ?::text, ?::json, coalesce(?::timestamptz, clock_timestamp())',
)}) SELECT`;

/** As features write them, each in a statement of its own. */
export const record = (databaseUrl: string, events: readonly NewEvent[]) =>
  usingDatabase(databaseUrl, async (database) => {
    for (const { subject, type, data, occurredAt } of events) {
      const values = [subject, type, JSON.stringify(data), occurredAt?.toISOString() ?? null];
      await database.run((knex) => knex.raw(RECORD, values as string[]));
    }
  });

/** What a sidecar has of it: a pass with its own connection. */
export interface Pass {
  readonly delivery: EventDelivery;
  stop(graceMs?: number): Promise<void>;
}

export function startPass(databaseUrl: string, webhookUrl: string, log: Log = createLogger('silent')): Pass {
  const database = createDatabase(parseDatabaseUrl(databaseUrl), { poolMax: 1 });
  const delivery = createEventDelivery({
    outbox: createOutbox(database),
    send: createSend({ url: webhookUrl, secret: WEBHOOK_SECRET }),
    log,
    counts: true,
    pollMs: 20,
  });
  delivery.start();
  return {
    delivery,
    async stop(graceMs = 2_000) {
      await delivery.stop(graceMs);
      await database.close();
    },
  };
}

export interface EventRow {
  readonly id: string;
  readonly state: 'waiting' | 'under way' | 'delivered' | 'failed';
  readonly attempts: number;
  /** Seconds from now; negative when it is due. */
  readonly due_in: number | null;
  readonly last_error: string | null;
}

export const rows = (databaseUrl: string): Promise<EventRow[]> =>
  query<EventRow & Record<string, unknown>>(
    databaseUrl,
    `SELECT id, attempts, last_error, extract(epoch FROM due_at - now())::float AS due_in,
            CASE WHEN lease IS NOT NULL THEN 'under way' WHEN due_at IS NOT NULL THEN 'waiting'
                 WHEN delivered_at IS NOT NULL THEN 'delivered' ELSE 'failed' END AS state
       FROM sidecar_events ORDER BY seq`,
  );

/** For the outbox so much time has passed: nobody has to wait for it. */
export const letTimePass = (databaseUrl: string, interval: string) =>
  query(
    databaseUrl,
    `UPDATE sidecar_events SET due_at = due_at - $1::interval, delivered_at = delivered_at - $1::interval`,
    [interval],
  );

/**
 * From now on time passes at once: what is to be tried again later is tried again now. @returns the delays, in seconds, in
 * the order in which they were decided
 */
export async function letDelaysPass(databaseUrl: string): Promise<() => Promise<number[]>> {
  await query(
    databaseUrl,
    `CREATE TABLE delays (id serial, seconds float);
     CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN
       INSERT INTO delays (seconds) VALUES (extract(epoch FROM NEW.due_at - now()));
       NEW.due_at := now();
       RETURN NEW;
     END $$;
     CREATE TRIGGER pass BEFORE UPDATE ON sidecar_events FOR EACH ROW
       WHEN (NEW.lease IS NULL AND NEW.due_at > now()) EXECUTE FUNCTION pass()`,
  );
  return async () => {
    const found = await query<{ seconds: number }>(databaseUrl, 'SELECT seconds FROM delays ORDER BY id');
    return found.map(({ seconds }) => seconds);
  };
}

/** Polls the rows until they are as wanted. @throws with the last ones after a minute */
export async function untilRows(
  databaseUrl: string,
  isWanted: (found: EventRow[]) => boolean,
): Promise<EventRow[]> {
  const giveUpAt = Date.now() + 60_000;
  for (;;) {
    const found = await rows(databaseUrl);
    if (isWanted(found)) return found;
    if (Date.now() > giveUpAt) throw new Error(`the outbox stays at ${JSON.stringify(found)}`);
    await sleep(20);
  }
}

export const all =
  (state: EventRow['state']) =>
  (found: EventRow[]): boolean =>
    found.length > 0 && found.every((row) => row.state === state);
