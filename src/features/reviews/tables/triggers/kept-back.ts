/** Keeps in mind whose next review of a product is not shown. */
import { IS_PUBLISHED } from '../what-counts.ts';

/** Keeps product_review_moderated: by rows that were inserted, or changed their status. */
const REMEMBER = (rows: string) => `
    INSERT INTO product_review_moderated AS known (product_id, author_id, status)
    SELECT DISTINCT ON (product_id, author_id) product_id, author_id, status FROM (${rows}) AS moderated
     WHERE status IN ('held', 'hidden') AND product_id IS NOT NULL AND author_id IS NOT NULL
     ORDER BY product_id, author_id, id DESC
        ON CONFLICT (product_id, author_id) DO UPDATE SET status = excluded.status
     WHERE known.status <> excluded.status;`;
export const REMEMBER_INSERTED = REMEMBER('TABLE new_rows');
const CHANGED_STATUS = `
      SELECT new_rows.* FROM new_rows JOIN old_rows USING (id)
       WHERE coalesce(new_rows.status, 'published') <> coalesce(old_rows.status, 'published')`;
export const REMEMBER_UPDATED = `
    ${REMEMBER(CHANGED_STATUS)}
    DELETE FROM product_review_moderated AS known USING (${CHANGED_STATUS}) AS changed
     WHERE known.product_id = changed.product_id AND known.author_id = changed.author_id
       AND ${IS_PUBLISHED.replace('status', 'changed.status')};`;
/** The next review of this author waits for a moderator, who has hidden another one. */
export const REMEMBER_DELETED = `
    UPDATE product_review_moderated AS known SET status = 'held' FROM old_rows
     WHERE known.product_id = old_rows.product_id AND known.author_id = old_rows.author_id
       AND old_rows.status IN ('held', 'hidden') AND known.status <> 'held';`;
