/**
 * Makes what wanted.ts describes out of whatever is there, while others read and write: an old module's table of any
 * size, an earlier release's, a backup restored in part. Every step may be the last one: what is missing afterwards is
 * found by the next process, and done.
 *
 * Columns → indexes → functions and triggers, which from here on keep what is written → every product noted, and the
 * stats there to be read → notes worked off → the unique index.
 */
import type { Knex } from 'knex';
import { isDuplicate } from '../../../infra/postgres/failure.ts';
import type { LongWork } from '../../../infra/postgres/long-work.ts';
import { makeIndexes } from './indexes.ts';
import { noteEverything, noteProducts, recountVotes, settleNotes } from './recount.ts';
import { arrange, factsInPlace, makeStats, moveInto, prepareTable } from './repair.ts';
import type { WantedIndex } from './wanted.ts';

/** @throws Error with a sentence when the table cannot be adopted */
export async function adopt(work: LongWork): Promise<void> {
  await work.step(prepareTable);
  // Without them the triggers would read the whole table.
  const hasNewIndexes = await makeIndexes(work, (index) => !isMadeLast(index));
  // PostgreSQL would take it that few rows have a column that is null in all of them.
  if (hasNewIndexes) await work.step(analyze);
  await work.step((trx) => arrange(trx, work));
  await recount(work);
  await makeIndexes(work, isMadeLast).catch(async (error) => {
    if (!isDuplicate(error)) throw error;
    // Written with the triggers off.
    await work.step((trx) => factsInPlace(trx).then(() => noteEverything(trx)));
    await recount(work);
    return makeIndexes(work, isMadeLast);
  });
}

/** Only then there are no two shown rows of one author. */
const isMadeLast = ({ definition }: WantedIndex) => definition.includes('(product_id, author_id) WHERE');

/** Not a new table: PostgreSQL would plan for an empty one until it looks again. */
async function analyze(trx: Knex.Transaction): Promise<void> {
  await factsInPlace(trx);
  const { rows } = await trx.raw('SELECT EXISTS (SELECT FROM product_reviews) AS any');
  if (rows[0].any) await trx.raw('ANALYZE product_reviews');
}

/** What the notes ask for, and everything when that is noted. */
async function recount(work: LongWork): Promise<void> {
  const facts = await work.step(factsInPlace);
  const step = <T>(inPlace: (trx: Knex.Transaction) => Promise<T>) =>
    work.step(async (trx) => {
      await moveInto(trx, facts);
      await trx.raw('SET LOCAL enable_seqscan = off');
      return inPlace(trx);
    });
  await noteProducts(work, step, makeStats);
  await settleNotes(work, step);
  if (work.always) await recountVotes(step);
}

/** All marks, figures and votes anew, for an operator. */
export async function recountEverything(work: LongWork): Promise<void> {
  await work.step((trx) => factsInPlace(trx).then(() => noteEverything(trx)));
  await recount({ ...work, always: true });
}
