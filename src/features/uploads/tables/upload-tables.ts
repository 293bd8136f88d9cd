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

/**
 * One query. What is compared is what makeFunctions writes, in PostgreSQL's own words; without the quotes that
 * quote_all_identifiers puts everywhere.
 */
async function findProblems(knex: Knex): Promise<string[]> {
  const { rows } = await knex.raw<{ rows: { problem: string }[] }>(
    `WITH place AS (SELECT (SELECT nspname::text FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
                             WHERE pg_class.oid = to_regclass('sidecar_uploads')) AS schema)
     SELECT name || ' is missing' AS problem FROM unnest(?::text[]) AS name WHERE to_regclass(name) IS NULL
      UNION ALL
     SELECT CASE WHEN proc.oid IS NULL THEN signature || ' is missing' ELSE signature || ' is not this release''s' END
       FROM place, unnest(?::text[], ?::text[]) AS wanted (signature, body)
       LEFT JOIN pg_proc AS proc ON proc.oid = to_regprocedure(signature)
      WHERE proc.oid IS NULL OR proc.prosrc <> body OR proc.prosecdef
         OR replace(array_to_string(proc.proconfig, ' '), '"', '') IS DISTINCT FROM 'search_path=' || place.schema || ', pg_temp'
      UNION ALL
     SELECT CASE WHEN tg.oid IS NULL THEN name || ' is missing'
                 WHEN tg.tgenabled NOT IN ('O', 'A') THEN name || ' is switched off'
                 ELSE name || ' is not this release''s' END
       FROM place, (VALUES (?, ?)) AS wanted (name, definition)
       LEFT JOIN pg_trigger AS tg ON tgname = name AND tgrelid = to_regclass('sidecar_uploads')
      WHERE tg.oid IS NULL OR tg.tgenabled NOT IN ('O', 'A')
         OR replace(replace(pg_get_triggerdef(tg.oid), '"', ''), place.schema || '.', '') <> definition`,
    [
      RELATIONS,
      FUNCTIONS.map(({ signature }) => signature),
      FUNCTIONS.map(({ body }) => body),
      TRIGGER,
      TRIGGER_DEFINITION,
    ],
  );
  return rows.map(({ problem }) => problem);
}

const RELATIONS = [
  'sidecar_uploads',
  'sidecar_uploads_number',
  'sidecar_uploads_age',
  'sidecar_uploads_user_state',
  'sidecar_uploads_state',
  'sidecar_uploads_reserved',
  'sidecar_uploads_due',
  'sidecar_upload_usage',
];
/** `signature`: as PostgreSQL knows it; `declaration`: with the names that the bodies use. */
const FUNCTIONS = [
  {
    signature: 'sidecar_issue_uploads(bigint, json, integer, integer, bigint)',
    declaration: `sidecar_issue_uploads(
       whose bigint, files json, url_seconds integer, rate_per_minute integer, quota_bytes bigint,
       OUT refusal text, OUT retry_after_seconds integer, OUT created_at timestamptz, OUT expires_at timestamptz)`,
    body: ISSUE_BODY,
  },
  {
    signature: 'sidecar_renew_upload(uuid, bigint, integer, bigint)',
    declaration: `sidecar_renew_upload(wanted uuid, whose bigint, url_seconds integer, quota_bytes bigint)
     RETURNS TABLE (refusal text, retry_after_seconds integer, expires_at timestamptz, id uuid, key text,
                    content_type text, size_bytes bigint, sha256 text)`,
    body: RENEW_BODY,
  },
  {
    signature: 'sidecar_keep_upload_usage()',
    declaration: 'sidecar_keep_upload_usage() RETURNS trigger',
    body: KEEP_USAGE_BODY,
  },
];
const TRIGGER = 'sidecar_uploads_usage';
/** As pg_get_triggerdef has it. */
const TRIGGER_DEFINITION = `CREATE TRIGGER ${TRIGGER} AFTER DELETE OR UPDATE OF status, expires_at ON sidecar_uploads FOR EACH ROW EXECUTE FUNCTION sidecar_keep_upload_usage()`;

/**
 * `number` counts a user's uploads from 1, without a gap: the one that may have to be older than a minute is found by it, and
 * lists are in its order. `due_at`: when the background pass looks at the row; null: never again. `settles_at`: from then on
 * nobody can be using its URL any more. A row belongs to whoever has its `lease`, until `lease_until`. `intent` says what was
 * begun with the storage and is to be finished should its answer be lost. `bucket`: where the file is to be, or was last seen.
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
  'ALTER TABLE sidecar_uploads ADD COLUMN IF NOT EXISTS bucket text',
  `CREATE UNIQUE INDEX IF NOT EXISTS sidecar_uploads_number ON sidecar_uploads (user_id, number)`,
  `CREATE INDEX IF NOT EXISTS sidecar_uploads_age ON sidecar_uploads (created_at, id)`,
  `CREATE INDEX IF NOT EXISTS sidecar_uploads_user_state ON sidecar_uploads (user_id, status, kind, number)`,
  `CREATE INDEX IF NOT EXISTS sidecar_uploads_state ON sidecar_uploads (status, kind, created_at, id)`,
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
  `DROP FUNCTION IF EXISTS ${FUNCTIONS.map(({ signature }) => signature).join(', ')}`,
];

/** Their names mean this schema for good, whatever search_path the caller has. */
async function makeFunctions(trx: Knex.Transaction): Promise<void> {
  const { rows } = await trx.raw<{ rows: { schema: string }[] }>(
    `SELECT quote_ident(nspname) AS schema FROM pg_namespace JOIN pg_class ON relnamespace = pg_namespace.oid
      WHERE pg_class.oid = 'sidecar_uploads'::regclass`,
  );
  const header = `LANGUAGE plpgsql SECURITY INVOKER SET search_path = ${rows[0]?.schema}, pg_temp`;
  for (const { declaration, body } of FUNCTIONS)
    await trx.raw(`CREATE OR REPLACE FUNCTION ${declaration} ${header} AS $body$${body}$body$`);
  await trx.raw(`DROP TRIGGER IF EXISTS ${TRIGGER} ON sidecar_uploads`);
  await trx.raw(TRIGGER_DEFINITION);
}

/** For the test that holds this release's tables. */
export const WANTED = { TABLES, FUNCTIONS, TRIGGER_DEFINITION };
