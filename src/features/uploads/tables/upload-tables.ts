/**
 * The uploads' tables: a row for every URL that was given out, and one for each user with the figures that make the rate limit
 * and the quota cost the same however many uploads the user has (docs/decisions/0022-rate-and-quota-of-uploads-in-the-database.md).
 */
import { randomUUID } from 'node:crypto';
import type { Knex } from 'knex';
import type { SchemaPart } from '../../../infra/postgres/schema-parts.ts';
import { ISSUE_BODY, KEEP_USAGE_BODY, RENEW_BODY } from './functions.ts';

export const uploadTables: SchemaPart = {
  migrations: [
    {
      name: 'uploads-0001-life-of-an-upload',
      up: create,
      async down(trx) {
        for (const sql of REMOVE) await trx.raw(sql);
      },
    },
  ],
  // A backup may have been restored without them. Not unasked: making a trigger waits for whoever writes.
  repairs: [
    async (trx, { always }) => {
      if (always || (await findProblems(trx)).length > 0) await create(trx);
    },
  ],
  findProblems,
  async rehearse(trx) {
    const id = randomUUID();
    const file = { id, kind: 'x', filename: 'x', content_type: 'x', size_bytes: 1, key: 'x' };
    await trx.raw('SELECT * FROM sidecar_issue_uploads(0, ?, 1, 1000000, 1000000)', [JSON.stringify([file])]);
    await trx.raw('SELECT * FROM sidecar_renew_upload(?, 0, 1, 1000000)', [id]);
    await trx.raw(`UPDATE sidecar_uploads SET status = 'deleted' WHERE id = ?`, [id]);
  },
};

async function create(trx: Knex.Transaction): Promise<void> {
  for (const sql of TABLES) await trx.raw(sql);
  await makeFunctions(trx);
}

async function findProblems(knex: Knex): Promise<string[]> {
  const { rows } = await knex.raw<{ rows: { name: string }[] }>(
    `SELECT name FROM unnest(?::text[]) AS name WHERE to_regclass(name) IS NULL
      UNION ALL SELECT name FROM unnest(?::text[]) AS name WHERE to_regprocedure(name) IS NULL
      UNION ALL SELECT name FROM unnest(?::text[]) AS name
                 WHERE NOT EXISTS (SELECT FROM pg_trigger WHERE tgname = name AND tgenabled IN ('O', 'A')
                                      AND tgrelid = to_regclass('sidecar_uploads'))`,
    [RELATIONS, FUNCTIONS, [TRIGGER]],
  );
  return rows.map(({ name }) => `${name} is missing`);
}

const RELATIONS = [
  'sidecar_uploads',
  'sidecar_uploads_number',
  'sidecar_uploads_age',
  'sidecar_uploads_reserved',
  'sidecar_uploads_due',
  'sidecar_upload_usage',
];
const FUNCTIONS = [
  'sidecar_issue_uploads(bigint, json, integer, integer, bigint)',
  'sidecar_renew_upload(uuid, bigint, integer, bigint)',
  'sidecar_keep_upload_usage()',
];
const TRIGGER = 'sidecar_uploads_usage';

/**
 * `number` counts a user's uploads from 1, without a gap: the one that may have to be older than a minute is found by it, and
 * lists are in its order. `due_at`: when the background pass looks at the row; null: never again. `settles_at`: from then on
 * nobody can be using its URL any more. A row belongs to whoever has its `lease`, until `lease_until`. `intent` says what was
 * begun with the storage and is to be finished should its answer be lost.
 */
const TABLES = [
  `CREATE TABLE IF NOT EXISTS sidecar_uploads (
     id uuid PRIMARY KEY,
     user_id bigint NOT NULL,
     number bigint NOT NULL,
     kind text NOT NULL,
     filename text NOT NULL,
     content_type text NOT NULL,
     size_bytes bigint NOT NULL CHECK (size_bytes > 0),
     key text NOT NULL,
     sha256 text,
     multipart_id text,
     part_size bigint,
     status text NOT NULL DEFAULT 'issued' CHECK (status IN ('issued', 'ready', 'rejected', 'expired', 'deleted')),
     reason text,
     etag text,
     created_at timestamptz NOT NULL,
     expires_at timestamptz NOT NULL,
     settles_at timestamptz NOT NULL,
     finished_at timestamptz,
     due_at timestamptz,
     lease uuid,
     lease_until timestamptz,
     intent text,
     attempts integer NOT NULL DEFAULT 0
   ) WITH (fillfactor = 90)`,
  `CREATE UNIQUE INDEX IF NOT EXISTS sidecar_uploads_number ON sidecar_uploads (user_id, number)`,
  `CREATE INDEX IF NOT EXISTS sidecar_uploads_age ON sidecar_uploads (created_at, id)`,
  `CREATE INDEX IF NOT EXISTS sidecar_uploads_reserved ON sidecar_uploads (user_id, expires_at) WHERE status = 'issued'`,
  `CREATE INDEX IF NOT EXISTS sidecar_uploads_due ON sidecar_uploads (due_at) WHERE due_at IS NOT NULL`,
  `CREATE TABLE IF NOT EXISTS sidecar_upload_usage (
     user_id bigint PRIMARY KEY,
     last_number bigint NOT NULL DEFAULT 0,
     bytes bigint NOT NULL DEFAULT 0,
     swept_until timestamptz NOT NULL DEFAULT '-infinity'
   ) WITH (fillfactor = 50)`,
];

const REMOVE = [
  'DROP TABLE IF EXISTS sidecar_uploads, sidecar_upload_usage',
  `DROP FUNCTION IF EXISTS ${FUNCTIONS.join(', ')}`,
];

/** Their names mean this schema for good, whatever search_path the caller has. */
async function makeFunctions(trx: Knex.Transaction): Promise<void> {
  const { rows } = await trx.raw<{ rows: { schema: string }[] }>(
    `SELECT quote_ident(nspname) AS schema FROM pg_namespace JOIN pg_class ON relnamespace = pg_namespace.oid
      WHERE pg_class.oid = 'sidecar_uploads'::regclass`,
  );
  const header = `LANGUAGE plpgsql SECURITY INVOKER SET search_path = ${rows[0]?.schema}, pg_temp`;
  for (const sql of [
    `CREATE OR REPLACE FUNCTION sidecar_issue_uploads(
       whose bigint, files json, url_seconds integer, rate_per_minute integer, quota_bytes bigint,
       OUT refusal text, OUT retry_after_seconds integer, OUT created_at timestamptz, OUT expires_at timestamptz)
     ${header} AS $body$${ISSUE_BODY}$body$`,
    `CREATE OR REPLACE FUNCTION sidecar_renew_upload(wanted uuid, whose bigint, url_seconds integer, quota_bytes bigint)
     RETURNS TABLE (refusal text, retry_after_seconds integer, expires_at timestamptz, id uuid, key text,
                    content_type text, size_bytes bigint, sha256 text)
     ${header} AS $body$${RENEW_BODY}$body$`,
    `CREATE OR REPLACE FUNCTION sidecar_keep_upload_usage() RETURNS trigger ${header} AS $body$${KEEP_USAGE_BODY}$body$`,
    `DROP TRIGGER IF EXISTS ${TRIGGER} ON sidecar_uploads`,
    `CREATE TRIGGER ${TRIGGER} AFTER DELETE OR UPDATE OF status, expires_at ON sidecar_uploads
       FOR EACH ROW EXECUTE FUNCTION sidecar_keep_upload_usage()`,
  ]) {
    await trx.raw(sql);
  }
}
