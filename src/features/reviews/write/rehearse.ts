/**
 * What people do to reviews, done by nobody for no product, for a transaction that is taken back: does the database take what
 * requests would write? What its own triggers or references say about such a product is no answer.
 */
import type { Knex } from 'knex';

/** Below all others; one out of the sequence would be missing afterwards. */
const ID = -2147483648;
const RULES = JSON.stringify({
  ...{ per_minute: 100, standalone: true, must_exist: false, require_purchase: false, moderation: 'post' },
  ...{ id: ID, helpful: true, reason: 'other', hold_after: 1, text: 'x' },
});
const WRITE = `product_review_write('0', 0, 'nobody', ?, ?)`;
const content = (text: string | null) => JSON.stringify({ rating: 5, text, title: text, media: null });

/** @throws Error of the database */
export async function rehearse(trx: Knex.Transaction): Promise<void> {
  try {
    // With a savepoint: what is no answer must not end the transaction for those who rehearse behind us.
    await trx.transaction(rehearseAll);
  } catch (error) {
    const isAboutThisProduct =
      error instanceof Error && 'code' in error && /^(23503|P0001)$/.test(String(error.code));
    if (!isAboutThisProduct) throw error;
  }
}

async function rehearseAll(trx: Knex.Transaction): Promise<void> {
  const run = async (call: string, values: readonly string[]) => {
    const { rows } = await trx.raw<{ rows: { refusal: string | null }[] }>(
      `SELECT ${call} ->> 'refusal' AS refusal`,
      [...values],
    );
    if (rows[0]?.refusal) throw new Error(`a review would be refused: ${rows[0].refusal}`);
  };
  await run(WRITE, [content(null), RULES]);
  await run(WRITE, [content('x'), RULES]);
  await run(`product_review_vote(${ID}, '0', 1, ?)`, [RULES]);
  await run(`product_review_report(${ID}, '0', 1, ?)`, [RULES]);
  await run(`product_review_withdraw('0', 0, ?)`, [RULES]);
}
