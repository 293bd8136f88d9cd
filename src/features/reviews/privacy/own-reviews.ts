/** Which rows of an author are a review of theirs: what a newer row of the old module's has replaced is history. */

/** SQL. @param row an alias of product_reviews */
export const isReview = (row: string) => `${row}.rating IS NOT NULL
             AND NOT EXISTS (SELECT FROM product_reviews AS newer
                              WHERE newer.product_id = ${row}.product_id AND newer.author_id = ${row}.author_id
                                AND newer.id > ${row}.id AND newer.rating IS NOT NULL
                                AND newer.status IS DISTINCT FROM 'pending')`;
