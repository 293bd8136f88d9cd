/** What goes with a review that is deleted. */
import { HANGING_TABLES } from '../own-tables.ts';

/** The history keeps who did what, and when, to a review that its author has taken back; what it said is the author's. */
const FORGET_CONTENT = ['before', 'after']
  .map((state) => `${state} = ${state} - '{title,text,media,pending_edit}'::text[]`)
  .join(', ');

/** Removes what hangs on reviews that are gone; what cannot be had now is removed by a repair. */
export const removeHanging = (where: string) => `
    BEGIN
      ${HANGING_TABLES.map((table) => `DELETE FROM ${table} ${where};`).join('\n      ')}
      UPDATE product_review_history SET ${FORGET_CONTENT} ${where};
    EXCEPTION WHEN others THEN
      RAISE LOG 'gogomarket-sidecar: something of deleted reviews is left: % (%)', SQLERRM, SQLSTATE;
    END;`;
