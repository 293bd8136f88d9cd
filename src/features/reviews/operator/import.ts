/**
 * Lines of an export become reviews: many at once, since the triggers work per statement. A line that is there already (the
 * same author, product and time) is passed over, so an import that was interrupted is simply begun again. Nothing that
 * is there is changed. Which of an author's rows is shown, and the figures, are the triggers' work.
 */
import type { Knex } from 'knex';
import { isUnavailable } from '../../../infra/postgres/failure.ts';
import { retriedOnce } from '../database-refusal.ts';
import { readFacts } from '../tables/facts.ts';
import { sentenceOf } from './connect.ts';
import { distinct, highestIdFor, moveSequence } from './import-ids.ts';
import { FORGET_MODERATION, insertFor, KEEP_MEDIA } from './import-sql.ts';
import type { StoredLine } from './line.ts';

export interface NumberedLine {
  /** In the file, from 1. */
  readonly number: number;
  readonly review: StoredLine;
}

export interface Imported {
  /** With the id that the line has. */
  readonly kept: number;
  /** With another one: somebody else has it. */
  readonly renumbered: number;
  /** They were there before, or a newer one of their author's is. */
  readonly known: number;
  readonly refused: readonly { readonly number: number; readonly reason: string }[];
}

export interface Importer {
  /** @throws Error of the database other than "it cannot hold this" */
  put(lines: readonly NumberedLine[]): Promise<Imported>;
}

export interface ImporterOptions {
  /** Looks what would become of the lines, and changes nothing. */
  readonly dryRun: boolean;
}

/** @throws Error of the database */
export async function createImporter(knex: Knex, { dryRun }: ImporterOptions): Promise<Importer> {
  const facts = await readFacts(knex);
  const insertSql = insertFor(facts);
  const highestId = highestIdFor(facts);

  async function put(lines: readonly NumberedLine[]): Promise<Imported> {
    if (lines.length === 0) return { kept: 0, renumbered: 0, known: 0, refused: [] };
    try {
      return await retriedOnce(() => putAll(lines));
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (lines.length === 1) {
        return {
          kept: 0,
          renumbered: 0,
          known: 0,
          refused: [{ number: lines[0]?.number ?? 0, reason: sentenceOf(error) }],
        };
      }
    }
    // One of them is to blame.
    const middle = lines.length >> 1;
    return sum(await put(lines.slice(0, middle)), await put(lines.slice(middle)));
  }

  async function putAll(lines: readonly NumberedLine[]): Promise<Imported> {
    const { rows, repeated } = distinct(lines, highestId);
    const ids = rows.flatMap(({ id }) => (id === null ? [] : [id]));
    if (!dryRun && ids.length > 0) await moveSequence(knex, facts, Math.max(...ids));
    const trx = await knex.transaction();
    try {
      const json = JSON.stringify(rows);
      const found = await trx.raw<{ rows: Counted[] }>(insertSql, [json]);
      const { kept = 0, renumbered = 0, known = 0, added = 0 } = found.rows[0] ?? {};
      if (added < kept + renumbered) throw new KeptOut('a trigger of product_reviews keeps it out');
      await trx.raw(FORGET_MODERATION, [
        rows.map(({ product_id: id }) => id),
        rows.map(({ author_id: id }) => id),
      ]);
      if (rows.some(({ media, pending_edit }) => media !== null || pending_edit !== null))
        await trx.raw(KEEP_MEDIA, [json]);
      await (dryRun ? trx.rollback() : trx.commit());
      return { kept, renumbered, known: known + repeated, refused: [] };
    } finally {
      if (!trx.isCompleted()) await trx.rollback();
    }
  }

  return { put };
}

const sum = (a: Imported, b: Imported): Imported => ({
  kept: a.kept + b.kept,
  renumbered: a.renumbered + b.renumbered,
  known: a.known + b.known,
  refused: [...a.refused, ...b.refused],
});

interface Counted extends Omit<Imported, 'refused'> {
  /** Rows that are there now. */
  readonly added: number;
}

class KeptOut extends Error {}

/** The data, or what somebody's rule says about it, with any code; not that the database is away, or is not as it must be. */
const isRefusal = (error: unknown): error is Error =>
  error instanceof KeptOut ||
  (error instanceof Error &&
    'code' in error &&
    /^(?!25|42)[0-9A-Z]{5}$/.test(String(error.code)) &&
    !isUnavailable(error));
