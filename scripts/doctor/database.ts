/** The database as the service's role finds it. Everything is read; `--write-probe` also writes what a request would, and takes it back. */
import { TLSSocket } from 'node:tls';
import type { Knex } from 'knex';
import { findDrift } from '../../src/features/reviews/tables/figures.ts';
import { OWN_TABLES } from '../../src/features/reviews/tables/own-tables.ts';
import { createConnector } from '../../src/infra/postgres/connection.ts';
import { ConnectError } from '../../src/infra/postgres/failure.ts';
import { createKnex } from '../../src/infra/postgres/knex.ts';
import { migrateDatabase, schemaStatus, serverVersion } from '../../src/infra/postgres/migrate.ts';
import { MIGRATIONS_TABLE, rehearseWriting } from '../../src/infra/postgres/schema-parts.ts';
import { schema } from '../../src/schema.ts';
import { type Finding, notApplicable, ok, unchecked, wrong } from '../uploads/check.ts';
import { reasonOf } from './http-get.ts';
import type { DoctorCheck, Scene } from './scene.ts';
import { commandLineOfService, isService } from './user.ts';

const REACHABLE = 'reachable';

/** One piece of work on a connection of its own, which the signal cuts. What the database refuses is not known then. */
export async function askDatabase(
  { setting, words }: Scene,
  signal: AbortSignal,
  work: (knex: Knex) => Promise<Finding>,
): Promise<Finding> {
  const target = setting('DATABASE_URL');
  if (target === null) return unchecked(words.settingFirst('DATABASE_URL'));
  const knex = createKnex(target, { poolMax: 1, statements: 'long', signal });
  try {
    return await work(knex);
  } catch (error) {
    signal.throwIfAborted();
    return unchecked(reasonOf(error));
  } finally {
    await knex.destroy();
  }
}

const CONNECTION: DoctorCheck = {
  name: REACHABLE,
  needs: [],
  async run({ setting, words, sources }, signal) {
    const target = setting('DATABASE_URL');
    if (target === null) return unchecked(words.settingFirst('DATABASE_URL'));
    const hosts = [target, ...target.otherHosts].map(({ host, port }) => `${host}:${port}`).join(',');
    const where = `${hosts}/${target.database}, ${target.user}`;
    try {
      const client = await createConnector(target, { signal }).open();
      await client.end();
      return ok(where);
    } catch (error) {
      signal.throwIfAborted();
      const said = `${where}: ${reasonOf(error)}`;
      const codes = error instanceof ConnectError ? error.codes : [];
      const { unit } = sources;
      // By "peer" PostgreSQL lets in who is asking, and that is not the service now (pg_hba.conf).
      if (target.host.startsWith('/') && codes.includes('28000') && unit !== null && !isService(unit))
        return unchecked(said, words.askAsService(commandLineOfService(unit)));
      return wrong(said, words.databaseRemedy(codes));
    }
  },
};

const TLS: DoctorCheck = {
  name: 'TLS',
  needs: [REACHABLE],
  async run({ setting, words }, signal) {
    const target = setting('DATABASE_URL');
    if (target === null) return unchecked(words.settingFirst('DATABASE_URL'));
    const client = await createConnector(target, { signal }).open();
    const { stream } = client.connection;
    const protocol = stream instanceof TLSSocket ? stream.getProtocol() : null;
    await client.end();
    const { host } = client;
    const { tls } = target;
    if (protocol !== null)
      return ok(
        words.encrypted(protocol, tls.mode, tls.mode.startsWith('verify') || tls.rootCertPath !== null),
      );
    const isHere = /^(\/|127\.|localhost$|::1$)/.test(host);
    return isHere ? ok(words.unencryptedHere) : wrong(words.unencrypted(host, tls.mode), words.useTls);
  },
};

const VERSION: DoctorCheck = {
  name: 'version',
  needs: [REACHABLE],
  run: (scene, signal) =>
    askDatabase(scene, signal, async (knex) => {
      const { name, isNewEnough } = await serverVersion(knex);
      return isNewEnough ? ok(`PostgreSQL ${name}`) : wrong(`PostgreSQL ${name}`, scene.words.newerPostgres);
    }),
};

/** A copy takes no writes, and so does a database that has been closed for them. */
const PRIMARY: DoctorCheck = {
  name: 'primary',
  needs: [REACHABLE],
  run: (scene, signal) =>
    askDatabase(scene, signal, async (knex) => {
      const sql = `SELECT pg_is_in_recovery() AS replica, current_setting('transaction_read_only') = 'on' AS closed`;
      const { rows } = await knex.raw<{ rows: { replica: boolean; closed: boolean }[] }>(sql);
      if (rows[0]?.replica) return wrong(scene.words.isReplica, scene.words.usePrimary);
      return rows[0]?.closed
        ? wrong(scene.words.isReadOnly, scene.words.makeWritable)
        : ok(scene.words.isPrimary);
    }),
};

/** What the triggers fill in, with the rights of their owner, is only read. */
const FILLED_IN = Object.keys(OWN_TABLES).filter(
  (name) => OWN_TABLES[name]?.isComputed || name === 'product_review_moderated',
);
const WRITTEN = [
  ...['product_reviews', ...Object.keys(OWN_TABLES).filter((name) => !FILLED_IN.includes(name))],
  ...['sidecar_uploads', 'sidecar_upload_usage', 'sidecar_events'],
];
const READ = [
  ...['users', 'products', 'orders', 'order_items', ...FILLED_IN],
  ...['gogomarket_sidecar_database', MIGRATIONS_TABLE],
];

const RIGHTS: DoctorCheck = {
  name: 'rights',
  needs: [REACHABLE],
  run: (scene, signal) =>
    askDatabase(scene, signal, async (knex) => {
      const { rows } = await knex.raw<{ rows: { role: string; name: string; lacking: string }[] }>(LACKING, [
        WRITTEN,
        READ,
      ] as never);
      if (rows.length === 0) return ok(scene.words.hasRights);
      const grants = rows.map(({ name, lacking, role }) => `GRANT ${lacking} ON ${name} TO ${role};`);
      return wrong(
        scene.words.lacksRights(rows.map(({ name, lacking }) => `${name}: ${lacking}`)),
        grants.join(' '),
      );
    }),
};

/** A table that is not there is for `schema` to tell. */
const LACKING = `
  SELECT current_user AS role, name, string_agg(wanted, ', ') AS lacking
    FROM (SELECT name, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS wanted FROM unnest(?::text[]) AS name
          UNION ALL SELECT name, 'SELECT' FROM unnest(?::text[]) AS name) AS wants
   WHERE to_regclass(name) IS NOT NULL AND NOT has_table_privilege(to_regclass(name), wanted)
   GROUP BY name ORDER BY name`;

const SCHEMA: DoctorCheck = {
  name: 'schema',
  needs: [REACHABLE],
  async run({ setting, words, options }, signal) {
    const target = setting('DATABASE_URL');
    if (target === null) return unchecked(words.settingFirst('DATABASE_URL'));
    const mended = options.fix ? await migrateDatabase(target, schema, { signal }).catch(reasonOf) : null;
    const { pending, newer, problems, advice } = await schemaStatus(target, schema, { signal });
    const found = [...problems, ...pending.map((name) => words.pending(name))];
    if (found.length > 0)
      return wrong([...found, ...(typeof mended === 'string' ? [mended] : [])].join('\n'), words.migrate);
    const done = mended !== null && typeof mended !== 'string' ? [...mended.applied, ...mended.repaired] : [];
    const notes = [...(newer.length > 0 ? [words.newerSchema(newer)] : []), ...advice];
    return ok([done.length > 0 ? words.mended(done) : words.schemaComplete, ...notes].join('\n'));
  },
};

const STATS: DoctorCheck = {
  name: 'review counts',
  needs: [REACHABLE, 'schema'],
  run: (scene, signal) =>
    askDatabase(scene, signal, async (knex) => {
      const { reviews, products } = await knex.transaction(findDrift);
      return reviews + products === 0
        ? ok(scene.words.countsAgree)
        : wrong(scene.words.countsDiffer(reviews, products), scene.words.rebuild);
    }),
};

const WRITING: DoctorCheck = {
  name: 'writing',
  needs: [REACHABLE, 'schema'],
  async run(scene, signal) {
    if (!scene.options.writeProbe) return notApplicable(scene.words.onlyWithProbe);
    return askDatabase(scene, signal, (knex) =>
      rehearseWriting(knex, schema).then(
        () => ok(scene.words.writesTaken),
        (error) => wrong(reasonOf(error), scene.words.seeJournal),
      ),
    );
  },
};

export const databaseChecks = [CONNECTION, TLS, VERSION, PRIMARY, RIGHTS, SCHEMA, STATS, WRITING];
