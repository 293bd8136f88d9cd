/**
 * What is in the database, out of its catalogs: one query, a few milliseconds, no lock that anybody notices.
 */
import type { Knex } from 'knex';
import type { Numbered } from '../../../infra/postgres/sequences.ts';
import { FUNCTIONS } from './functions.ts';
import { OWN_TABLES } from './own-tables.ts';
import { FORMER_TRIGGERS, nameOf, TRIGGERS } from './wanted.ts';
import { nameOfFunction } from './wanted-function.ts';

export interface Facts {
  /** Where the reviews are, or would be made; null: no schema of search_path exists. */
  readonly schema: string | null;
  /** The same, quoted for SQL. */
  readonly path: string | null;
  readonly role: string;
  readonly encoding: string;
  /** A standby, or a provider's answer to a full disk. */
  readonly readOnly: boolean;
  /** Our triggers do not fire in our own sessions. */
  readonly replica: boolean;
  /** Row level security hides reviews from our role. */
  readonly rowSecurity: boolean;
  /** By name: pg_class.relkind. */
  readonly tables: Readonly<Record<string, string>>;
  readonly columns: readonly ColumnFacts[];
  readonly indexes: readonly IndexFacts[];
  /** By their names; the backend may have some of its own. */
  readonly triggers: readonly TriggerFacts[];
  readonly functions: readonly FunctionFacts[];
  /** `INSERT product_reviews` and the like, of those that the role has. */
  readonly rights: readonly string[];
  /** Out of which `id` is filled, quoted for SQL. */
  readonly sequence: string | null;
  /** Our role may take a number out of it. */
  readonly mayUseSequence: boolean;
}

export interface ColumnFacts {
  readonly table: string;
  readonly name: string;
  /** Without a length. */
  readonly type: string;
  /** Of a varchar(n). */
  readonly maxLength: number | null;
  readonly notNull: boolean;
  /** It has a value of its own when nobody gives it one. */
  readonly filled: boolean;
  readonly default: string | null;
}

export interface IndexFacts {
  readonly table: string;
  readonly name: string;
  readonly definition: string;
  readonly valid: boolean;
}

export interface TriggerFacts {
  readonly table: string;
  readonly name: string;
  readonly definition: string;
  readonly enabled: boolean;
}

export interface FunctionFacts {
  readonly signature: string;
  readonly source: string;
  /** Language, volatility, whose rights, settings. */
  readonly attributes: string;
  /** Anybody may call it. */
  readonly isPublic: boolean;
  /** Its owner has the rights that it needs; true for one that runs as its caller. */
  readonly ownerMay: boolean;
}

const TABLES = ['product_reviews', ...Object.keys(OWN_TABLES)];
const list = (names: readonly string[]) => names.map((name) => `'${name}'`).join(', ');

/** Names as they are without a schema and without quotes (quote_all_identifiers puts them everywhere). */
const bare = (sql: string) => `replace(replace(${sql}, '"', ''), place.schema || '.', '')`;

/** SELECT and the like may have been granted for single columns; whether those do is the rehearsal's question. */
const RIGHTS_HELD = `
  SELECT kind.name || ' ' || t.name FROM t CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE')) AS kind (name)
   WHERE CASE WHEN kind.name = 'DELETE' THEN has_table_privilege(t.oid, 'DELETE')
              ELSE has_any_column_privilege(t.oid, kind.name) END`;

/** A default of nextval() depends on its sequence; an identity's sequence depends on its column. */
const SEQUENCE = `
  SELECT s.seqrelid FROM pg_sequence s, pg_attribute a
   WHERE a.attrelid = reviews.oid AND a.attname = 'id'
     AND (EXISTS (SELECT FROM pg_attrdef ad JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = ad.oid
                   WHERE ad.adrelid = a.attrelid AND ad.adnum = a.attnum
                     AND d.refclassid = 'pg_class'::regclass AND d.refobjid = s.seqrelid)
       OR EXISTS (SELECT FROM pg_depend d
                   WHERE d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid AND d.deptype = 'i'
                     AND d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum))
   LIMIT 1`;

const FACTS = `
  WITH place AS (
    SELECT n.oid, n.nspname::text AS schema
      FROM (SELECT coalesce((SELECT relnamespace FROM pg_class WHERE oid = to_regclass('product_reviews')),
                            to_regnamespace(quote_ident(current_schema()))) AS oid) AS found
      LEFT JOIN pg_namespace n ON n.oid = found.oid
  ), t AS (
    SELECT c.oid, c.relname::text AS name, c.relkind::text AS kind
      FROM pg_class c, place WHERE c.relnamespace = place.oid AND c.relname IN (${list(TABLES)})
  ), reviews AS (
    SELECT (SELECT oid FROM t WHERE name = 'product_reviews') AS oid
  ), stats AS (
    SELECT (SELECT oid FROM t WHERE name = 'product_review_stats') AS oid
  ), sequence AS MATERIALIZED (
    SELECT (${SEQUENCE}) AS oid FROM reviews
  )
  SELECT place.schema, quote_ident(place.schema) AS path,
         current_user::text AS role, current_setting('server_encoding') AS encoding,
         current_setting('transaction_read_only') = 'on' AS "readOnly",
         current_setting('session_replication_role') = 'replica' AS replica,
         coalesce(row_security_active(reviews.oid), false) AS "rowSecurity",
         (SELECT coalesce(json_object_agg(name, kind), '{}') FROM t) AS tables,
         (SELECT coalesce(json_agg(json_build_object(
                   'table', t.name, 'name', attname, 'type', replace(format_type(atttypid, NULL), '"', ''),
                   'maxLength', CASE WHEN atttypid = 'varchar'::regtype AND atttypmod > 4 THEN atttypmod - 4 END,
                   'notNull', attnotnull, 'filled', atthasdef OR attidentity <> '',
                   'default', replace(pg_get_expr(adbin, adrelid), '"', '')) ORDER BY attnum), '[]')
            FROM t JOIN pg_attribute ON attrelid = t.oid AND attnum > 0 AND NOT attisdropped
            LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum) AS columns,
         (SELECT coalesce(json_agg(json_build_object(
                   'table', t.name, 'name', c.relname, 'valid', indisvalid AND indisready,
                   'definition', regexp_replace(replace(pg_get_indexdef(i.indexrelid), '"', ''),
                                                '^CREATE (UNIQUE )?INDEX .* USING ', E'\\\\1'))), '[]')
            FROM t JOIN pg_index i ON i.indrelid = t.oid JOIN pg_class c ON c.oid = i.indexrelid) AS indexes,
         (SELECT coalesce(json_agg(json_build_object(
                   'table', t.name, 'name', tgname, 'enabled', tgenabled IN ('O', 'A'),
                   'definition', ${bare('pg_get_triggerdef(g.oid)')})), '[]')
            FROM t JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT tgisinternal
           WHERE tgname IN (${list([...TRIGGERS.map(nameOf), ...FORMER_TRIGGERS])})) AS triggers,
         (SELECT coalesce(json_agg(json_build_object(
                   'signature', ${bare('p.oid::regprocedure::text')}, 'source', prosrc,
                   'attributes', replace(concat_ws(' ', lanname, provolatile, prosecdef,
                                                   array_to_string(proconfig, ' ')), '"', ''),
                   'isPublic', has_function_privilege('public', p.oid, 'EXECUTE'),
                   'ownerMay', NOT prosecdef
                               OR coalesce(has_table_privilege(proowner, reviews.oid, 'SELECT')
                                       AND has_table_privilege(proowner, reviews.oid, 'UPDATE'), true)
                              AND coalesce(has_table_privilege(proowner, stats.oid, 'INSERT')
                                       AND has_table_privilege(proowner, stats.oid, 'UPDATE'), true))), '[]')
            FROM pg_proc p JOIN pg_language l ON l.oid = prolang
           WHERE pronamespace = place.oid AND proname IN (${list(FUNCTIONS.map(nameOfFunction))})) AS functions,
         (SELECT coalesce(json_agg(held), '[]') FROM (${RIGHTS_HELD}) AS r (held)) AS rights,
         sequence.oid::regclass::text AS sequence,
         -- Nobody needs a right for that of an identity.
         coalesce(has_sequence_privilege(sequence.oid, 'USAGE, UPDATE'), true)
           OR EXISTS (SELECT FROM pg_attribute WHERE attrelid = reviews.oid AND attname = 'id' AND attidentity <> '')
           AS "mayUseSequence"
    FROM place, reviews, stats, sequence`;

export async function readFacts(knex: Knex): Promise<Facts> {
  // A question mark would be a placeholder of Knex's.
  const { rows } = await knex.raw<{ rows: Facts[] }>(FACTS.replaceAll('?', '\\?'));
  const [facts] = rows;
  if (facts === undefined) throw new Error('the catalogs gave no row');
  return { ...facts, indexes: facts.indexes.map(withPlainDefinition) };
}

/** In one line, and without the casts that a smallint, a bigint or a varchar column brings into it. */
const withPlainDefinition = (index: IndexFacts): IndexFacts => ({
  ...index,
  definition: index.definition
    .replace(/\s+/g, ' ')
    .replace(/\((\w+)\)::(?:integer|bigint|text)/g, '$1')
    .replace(/::text/g, ''),
});

/** What sequences fill. That of the reviews need not belong to them. */
export const numbered = ({ columns, sequence }: Facts): Numbered[] =>
  ['product_reviews', ...Object.keys(OWN_TABLES)]
    .filter((table) => columns.some((column) => column.table === table && column.name === 'id'))
    .map((table) => ({ table, column: 'id', ...(table === 'product_reviews' ? { sequence } : {}) }));
