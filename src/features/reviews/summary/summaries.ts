/** The summaries of products, out of the database. */
import type { Database, RunOptions } from '../../../infra/postgres/database.ts';
import { whatItMeans } from '../database-refusal.ts';
import { createMeanRating, type MeanRating } from './mean-rating.ts';
import { settleProducts } from './settle.ts';
import { FIGURES, type Figures, figuresOfRow, type Summary, toFigures, toSummary } from './summary.ts';

export interface Summaries {
  /** By product id, in the order asked for; an unknown product has one without reviews. @throws AppError 503 */
  of(productIds: readonly string[], options?: RunOptions): Promise<ReadonlyMap<string, Summary>>;
  /** Out of a row of product_review_stats, as a write has left it; null: there is none. @throws AppError 503 */
  ofStats(stats: Readonly<Record<string, unknown>> | null, options?: RunOptions): Promise<Summary>;
  /** Of one whose triggers have left nothing to be done. @throws AppError 503 */
  figuresOf(productId: string, options?: RunOptions): Promise<Figures>;
  readonly mean: MeanRating;
}

/** Are there notes on a product that the triggers could not work off at once (tables/functions.ts)? */
const isUnsettled = (product: string) =>
  `EXISTS (SELECT FROM product_reviews_unsettled AS note WHERE note.product_id = ${product})`;

/** What stands before figures that the triggers could not bring up to date at once (tables/functions.ts). */
const UNSETTLED = '!';

/** SQL: the figures of a product as text, of this very moment. @param product an expression of type text */
export const figuresSql = (product: string) =>
  `CASE WHEN ${isUnsettled(product)} THEN '${UNSETTLED}' ELSE '' END
     || coalesce((SELECT ${FIGURES} FROM product_review_stats AS s WHERE s.product_id = ${product}), '')`;

export const areUnsettled = (figures: string) => figures.startsWith(UNSETTLED);

const OF_ONE = `SELECT $1::text AS id, ${figuresSql('$1::text')} AS figures`;
const OF_MANY = `
  SELECT asked.id, ${figuresSql('asked.id')} AS figures FROM unnest($1::text[]) WITH ORDINALITY AS asked (id, place)
   ORDER BY asked.place`;

export function createSummaries(database: Database): Summaries {
  const mean = createMeanRating(database);

  async function figures(text: string, values: readonly unknown[], options: RunOptions | undefined) {
    const read = () =>
      database.query<{ id: string; figures: string }>({ name: 'review_figures', text, values }, options);
    const rows = await read();
    const unsettled = rows.filter((row) => areUnsettled(row.figures)).map(({ id }) => id);
    if (unsettled.length === 0) return rows;
    await settleProducts(database, unsettled, options);
    return read();
  }

  return {
    mean,
    async of(productIds, options) {
      try {
        const rows = await figures(OF_MANY, [productIds], options);
        const found = rows.map(({ id, figures }) => [id, toFigures(figures)] as const);
        const average = await mean(
          found.some(([, { count }]) => count > 0),
          options,
        );
        return new Map(found.map(([id, figures]) => [id, toSummary(figures, average)]));
      } catch (error) {
        throw whatItMeans(error, { reading: productIds.join() });
      }
    },
    async ofStats(stats, options) {
      const figures = figuresOfRow(stats);
      return toSummary(figures, await mean(figures.count > 0, options));
    },
    async figuresOf(productId, options) {
      try {
        const [row] = await figures(OF_ONE, [productId], options);
        return toFigures(row?.figures);
      } catch (error) {
        throw whatItMeans(error, { reading: productId });
      }
    },
  };
}
