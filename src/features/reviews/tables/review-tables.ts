/**
 * The reviews' part of the database, as infra/migrate.ts takes it. Whatever is there, adoption.ts makes the wanted state out
 * of it, so a migration is little more than its name: it tells an older release that a newer one has been there.
 */
import type { SchemaPart } from '../../../infra/postgres/schema-parts.ts';
import { isBehind, sequencesBehind } from '../../../infra/postgres/sequences.ts';
import { rehearse } from '../write/rehearse.ts';
import { adopt } from './adoption.ts';
import { numbered, readFacts } from './facts.ts';
import { problems } from './problems.ts';
import { hasUnnoted } from './recount.ts';
import { advice, missingRights, refusals } from './refusals.ts';
import { prepareTable, removeColumns, removeFigures } from './repair.ts';

const nothing = async () => undefined;

export const reviewTables: SchemaPart = {
  /** Oldest first. Add at the end; a released name never changes. */
  migrations: [
    { name: '0001-product-reviews', up: prepareTable, down: removeColumns },
    { name: '0002-product-review-stats', up: nothing, down: removeFigures },
    // 0.1.0 works with what these two made, and their release with what the two behind them make.
    { name: '0004-superseded-by-default', up: nothing, down: nothing },
    { name: '0005-reviews-settled-later', up: nothing, down: nothing },
    { name: '0006-reviews-expanded', up: nothing, down: nothing },
    { name: '0007-reviews-moderated', up: nothing, down: nothing },
    { name: '0008-reviews-written-by-functions', up: nothing, down: nothing },
    { name: '0009-reviews-judged-whole', up: nothing, down: nothing },
    { name: '0010-reviews-kept-back', up: nothing, down: nothing },
    { name: '0011-reviews-in-fewer-statements', up: nothing, down: nothing },
    { name: '0012-reviews-alone-counted-at-once', up: nothing, down: nothing },
    { name: '0013-reviews-beside-any-column', up: nothing, down: nothing },
    { name: '0014-reviews-deleted-for-sure', up: nothing, down: nothing },
  ],
  longRepair: adopt,

  async findProblems(knex) {
    const facts = await readFacts(knex);
    const refused = [...refusals(facts), ...missingRights(facts)];
    if (refused.length > 0) return refused.map(({ problem, remedy }) => `${problem} (${remedy})`);
    return [
      ...problems(facts),
      ...(await sequencesBehind(knex, numbered(facts))).map(isBehind),
      ...((await hasUnnoted(knex, facts)) ? ['not every product is noted to be counted anew'] : []),
    ];
  },
  rehearse,

  async findAdvice(knex) {
    return advice(await readFacts(knex));
  },
};
