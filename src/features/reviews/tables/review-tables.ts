/**
 * The reviews' part of the database, as infra/migrate.ts takes it. Whatever is there, the same two steps make the
 * wanted state out of it (repair.ts), so a migration is little more than its name: it tells an older release that a
 * newer one has been there.
 */
import type { SchemaPart } from '../../../infra/postgres/schema-parts.ts';
import { rehearse } from '../write/rehearse.ts';
import { isSequenceBehind, readFacts } from './facts.ts';
import { problems } from './problems.ts';
import { advice, missingRights, refusals } from './refusals.ts';
import { arrange, prepareTable, removeColumns, removeFigures } from './repair.ts';

const nothing = async () => undefined;

export const reviewTables: SchemaPart = {
  /** Oldest first. Add at the end; a released name never changes. */
  migrations: [
    { name: '0001-product-reviews', up: prepareTable, down: removeColumns },
    {
      name: '0002-product-review-stats',
      up: arrange,
      down: removeFigures,
    },
    // 0.1.0 works with what these two make.
    { name: '0004-superseded-by-default', up: prepareTable, down: nothing },
    { name: '0005-reviews-settled-later', up: arrange, down: nothing },
    // The release of these two works with what the next two make.
    { name: '0006-reviews-expanded', up: prepareTable, down: nothing },
    { name: '0007-reviews-moderated', up: arrange, down: nothing },
    { name: '0008-reviews-written-by-functions', up: arrange, down: nothing },
  ],
  repairs: [prepareTable, arrange],

  async findProblems(knex) {
    const facts = await readFacts(knex);
    const refused = [...refusals(facts), ...missingRights(facts)];
    if (refused.length > 0) return refused.map(({ problem, remedy }) => `${problem} (${remedy})`);
    const isBehind = await isSequenceBehind(knex, facts);
    return [...problems(facts), ...(isBehind ? ['the sequence of product_reviews.id is behind'] : [])];
  },
  rehearse,

  async findAdvice(knex) {
    return advice(await readFacts(knex));
  },
};
