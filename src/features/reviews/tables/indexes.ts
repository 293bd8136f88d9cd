/** Makes the indexes on product_reviews that are missing, while others read and write. */
import type { LongWork } from '../../../infra/postgres/long-work.ts';
import { type Facts, type IndexFacts, readFacts } from './facts.ts';
import { hasIndex } from './problems.ts';
import { INDEXES, type WantedIndex } from './wanted.ts';

/** How often to look whether a CREATE INDEX that a killed process has left running is through. */
const POLL_MS = 500;

/** @returns whether any was made. @throws Error of the database, also when rows are in the way of a unique one */
export async function makeIndexes(work: LongWork, which: (wanted: WantedIndex) => boolean): Promise<boolean> {
  const missingIn = (facts: Facts) =>
    INDEXES.filter(which).filter(
      ({ table, name, definition }) => name !== null && !hasIndex(facts, table, definition),
    );
  if (missingIn(await work.step(readFacts)).length === 0) return false;
  await untilNobodyBuilds(work);
  const facts = await work.step(readFacts);
  for (const wanted of missingIn(facts)) {
    for (const broken of facts.indexes.filter((there) => isInTheWay(there, wanted))) {
      await work.statement(`DROP INDEX CONCURRENTLY ${facts.path}.${broken.name}`);
    }
    work.tell(`making the index ${wanted.name}`);
    await work.statement(await createIndex(work, wanted, facts));
  }
  return true;
}

const isInTheWay = (there: IndexFacts, wanted: WantedIndex) =>
  there.table === wanted.table &&
  (there.name === wanted.name || (!there.valid && there.definition === wanted.definition));

async function createIndex(
  work: LongWork,
  { table, name, definition }: WantedIndex,
  { path }: Facts,
): Promise<string> {
  // A table that was renamed keeps its indexes, and their names.
  const isFree = await work.step(async (trx) => {
    const { rows } = await trx.raw(`SELECT to_regclass(?) IS NULL AS "isFree"`, [`${path}.${name}`]);
    return rows[0].isFree as boolean;
  });
  const unique = definition.startsWith('UNIQUE ') ? 'UNIQUE' : '';
  return `CREATE ${unique} INDEX CONCURRENTLY ${isFree ? name : ''} ON ${path}.${table}
          USING ${definition.replace('UNIQUE ', '')}`;
}

/** A server does not notice that its client was killed until it has something to say. */
async function untilNobodyBuilds(work: LongWork): Promise<void> {
  const isBuilding = () =>
    work.step(async (trx) => {
      const { rows } = await trx.raw(
        `SELECT EXISTS (SELECT FROM pg_stat_progress_create_index WHERE relid = to_regclass('product_reviews')) AS yes`,
      );
      return rows[0].yes as boolean;
    });
  while (await isBuilding()) {
    work.tell('waiting for an index that somebody else is making');
    await work.sleep(POLL_MS);
  }
}
