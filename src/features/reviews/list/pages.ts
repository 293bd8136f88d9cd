/** Pages of a product's reviews as JSON text, most of which PostgreSQL has made. */
import { createHash } from 'node:crypto';
import type { Database, RunOptions } from '../../../infra/postgres/database.ts';
import { whatItMeans } from '../database-refusal.ts';
import { settleProducts } from '../summary/settle.ts';
import { areUnsettled, type Summaries } from '../summary/summaries.ts';
import { type Figures, toFigures, toSummary } from '../summary/summary.ts';
import type { ReviewView, ReviewViews } from '../view.ts';
import { encodeCursor, type Listing, type Position } from './cursor.ts';
import { type PageRow, pageStatement } from './page-sql.ts';
import type { PageQuery } from './schema.ts';

export interface Page {
  /** `{"items":[…],"next_cursor":…,"summary":{…}}` */
  readonly json: string;
  readonly etag: string;
}

export interface ReviewPages {
  /** Of an unknown product it is empty. @throws AppError 503, 422 a product id that the database cannot hold */
  read(productId: string, query: PageQuery, options?: RunOptions): Promise<Page>;
  /** The tag that the product's pages have just now, by its figures alone. @throws as `read` */
  etag(productId: string, options?: RunOptions): Promise<string>;
  /** Reads what requests read, of no product. @throws as they do */
  probe(options?: RunOptions): Promise<void>;
}

/** No product has it. */
const NO_PRODUCT = '0';
const SMALLEST_PAGE: PageQuery = {
  listing: { sort: 'newest', ratings: [], verifiedOnly: false, withMediaOnly: false },
  ...{ limit: 1, after: undefined },
};

export interface ReviewPagesOptions {
  readonly database: Database;
  readonly views: ReviewViews;
  readonly summaries: Summaries;
}

export function createReviewPages({ database, views, summaries }: ReviewPagesOptions): ReviewPages {
  const rowOf = (productId: string, query: PageQuery, options: RunOptions | undefined) =>
    views.using(async (view) => {
      const [row] = await database.query<PageRow>(
        pageStatement(view, productId, query, query.limit + 1),
        options,
      );
      return { view, row };
    }, options);

  async function read(productId: string, query: PageQuery, options: RunOptions | undefined): Promise<Page> {
    let { view, row } = await rowOf(productId, query, options);
    if (areUnsettled(row?.figures ?? '')) {
      await settleProducts(database, [productId], options);
      ({ view, row } = await rowOf(productId, query, options));
    }
    const figures = toFigures(row?.figures);
    const mean = await summaries.mean(figures.count > 0, options);
    return { json: pageJson(query.listing, row, figures, mean), etag: etagOf(figures, mean, view) };
  }

  const orWhatItMeans =
    (productId: string) =>
    (error: unknown): never => {
      throw whatItMeans(error, { reading: productId });
    };
  return {
    read: (productId, query, options) => read(productId, query, options).catch(orWhatItMeans(productId)),
    async etag(productId, options) {
      const figures = await summaries.figuresOf(productId, options);
      const mean = await summaries.mean(figures.count > 0, options).catch(orWhatItMeans(productId));
      return views.using(async (view) => etagOf(figures, mean, view), options);
    },
    async probe(options) {
      await read(NO_PRODUCT, SMALLEST_PAGE, options).catch(orWhatItMeans(NO_PRODUCT));
    },
  };
}

function pageJson(listing: Listing, row: PageRow | undefined, figures: Figures, mean: number): string {
  const { items, last } = row ?? {};
  const shown = last ? items?.slice(0, items.lastIndexOf(NEXT_ITEM)) : items;
  const next = last ? JSON.stringify(encodeCursor(listing, positionOf(last))) : null;
  return `{"items":[${shown ?? ''}],"next_cursor":${next},"summary":${JSON.stringify(toSummary(figures, mean))}}`;
}

/** Nothing else in a review looks like this: in its texts a quote has a backslash before it. */
const NEXT_ITEM = ',{"id":';

function positionOf(last: string): Position {
  const [rank = '', id = ''] = last.split('.');
  return { rank: Number(rank), id };
}

const releases = new WeakMap<ReviewView, string>();

/**
 * Weak: names in it are of today, and are not what it is about. The version is another one after every change, the score
 * moves with the other products, and how a review is written changes with releases and settings.
 */
function etagOf(figures: Figures, mean: number, view: ReviewView): string {
  const release =
    releases.get(view) ?? createHash('sha256').update(view.itemJson).digest('base64url').slice(0, 8);
  releases.set(view, release);
  return `W/"${figures.version}-${toSummary(figures, mean).score}-${release}"`;
}
