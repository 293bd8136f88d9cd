/** What the reviews workload asks, so that each answer can be known for the right one. */
import type { Question } from './load/api-requests.ts';
import { HOT_PRODUCT, PRODUCTS, REVIEWS } from './reviews-database.ts';

const FILTERS = ['rating=4,5', 'verified=1', 'has_media=1'];
const SORTS = ['newest', 'oldest', 'highest', 'lowest', 'helpful'].map((sort) => `sort=${sort}`);

/** Each sort and each filter, each pair of them. */
export const SHAPES: readonly string[] = [
  ...SORTS.flatMap((sort) => [sort, ...FILTERS.map((filter) => `${sort}&${filter}`)]),
  ...FILTERS.flatMap((one, i) => FILTERS.slice(i + 1).map((two) => `${one}&${two}`)),
];

/** Enough of them that neither PostgreSQL nor a processor keeps what was read last. */
const ASKED_PRODUCTS = 2_000;
/** Every tenth review is the hot product's: behind 100,000 of them. */
const DEEP_ID = REVIEWS - 1_000_000;

/** A small product has no more than that with media and another filter, and a page must be as long of one as of the other. */
const limitOf = (list: string) => (list.includes('has_media') ? 5 : 50);

const pathOf = (product: string | number) => `/api/products/${product}/reviews`;
const smallProducts = Array.from({ length: ASKED_PRODUCTS }, (_, i) => 2 + ((i * 7919) % (PRODUCTS - 1)));

export const smallPages = (list: string): Question[] =>
  smallProducts.map((id) => ({
    path: `${pathOf(id)}?limit=${limitOf(list)}${list && `&${list}`}`,
    answerHas: `"product_id":"${id}"`,
  }));

export function hotPages(list: string, deep: boolean): Question[] {
  const path = `${pathOf(HOT_PRODUCT)}?limit=${limitOf(list)}${list && `&${list}`}`;
  const answerHas = `"product_id":"${HOT_PRODUCT}"`;
  if (!deep) return [{ path, answerHas }];
  return Array.from({ length: 500 }, (_, i) => ({ path: `${path}&cursor=${DEEP_ID - i * 100}`, answerHas }));
}

/** Those that new reviews go to; the tags of the others stay. */
const FIRST_WRITTEN = PRODUCTS / 2;

/** With the tag that each page has now. */
export const etagQuestions = (port: number): Promise<Question[]> =>
  Promise.all(
    smallProducts
      .filter((id) => id < FIRST_WRITTEN)
      .slice(0, 200)
      .map(async (id) => {
        const answer = await fetch(`http://127.0.0.1:${port}${pathOf(id)}?limit=50`);
        await answer.arrayBuffer();
        return {
          path: `${pathOf(id)}?limit=50`,
          answerHas: '',
          ifNoneMatch: answer.headers.get('etag') ?? '',
        };
      }),
  );

export const summaryQuestions = (): Question[] =>
  Array.from({ length: 200 }, (_, i) => {
    const ids = Array.from({ length: 100 }, (_, k) => 1 + ((i * 100 + k) % PRODUCTS));
    return { path: `/api/product-reviews/summary?product_ids=${ids.join()}`, answerHas: `"${ids[99]}":` };
  });

/** Never the same twice in a run, or nearly: an edit is cheaper than a new review. */
export const postQuestions = (): Question[] => {
  const first = Math.floor(Math.random() * 1e6);
  return Array.from({ length: 8_000 }, (_, i) => {
    // Not the seller of them all, who is user 2.
    const user = 3 + ((first + i * 61) % 20_000);
    const product = FIRST_WRITTEN + ((first * 31 + i * 7919) % FIRST_WRITTEN);
    return {
      path: pathOf(product),
      answerHas: `"author_id":`,
      post: { user, json: '{"rating":5,"text":"Warm and soft, just as shown."}' },
    };
  });
};
