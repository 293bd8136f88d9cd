/**
 * What a product's reviews come to, out of the row that the triggers keep for it (tables/). Nothing here counts or
 * averages reviews.
 */

export interface Summary {
  /** Mean of the ratings that are shown, two decimals; 0 without reviews. */
  readonly avg_rating: number;
  readonly count: number;
  readonly histogram: Readonly<Record<'1' | '2' | '3' | '4' | '5', number>>;
  readonly verified_count: number;
  /** Reviews with media. */
  readonly media_count: number;
  /** The mean as if ten more people had given what is given on average; four decimals. */
  readonly score: number;
}

/** How many reviews of the average rating every product is taken to have beside its own. */
export const ASSUMED_REVIEWS = 10;

/** SQL: the figures of a row `s` of product_review_stats as one text, which costs less than a column each. */
export const FIGURES = `concat_ws(',', s.review_count, s.rating_sum, s.rating_1, s.rating_2, s.rating_3, s.rating_4, s.rating_5,
         s.verified_count, s.media_count, s.version)`;

export interface Figures {
  readonly count: number;
  readonly sum: number;
  readonly stars: readonly number[];
  readonly verified: number;
  readonly media: number;
  /** Another one after every change of what a page of the product shows. */
  readonly version: string;
}

const NONE: Figures = { count: 0, sum: 0, stars: [0, 0, 0, 0, 0], verified: 0, media: 0, version: '0' };

/** @param text of FIGURES; null or empty for a product that has no such row */
export function toFigures(text: string | null | undefined): Figures {
  if (!text) return NONE;
  const parts = text.split(',');
  const [count = 0, sum = 0, ...rest] = parts.slice(0, 9).map(Number);
  const [verified = 0, media = 0] = rest.slice(5);
  return { count, sum, stars: rest.slice(0, 5), verified, media, version: parts[9] ?? '0' };
}

/** @param stats a row of product_review_stats, as to_jsonb() has it; null: there is none */
export function figuresOfRow(stats: Readonly<Record<string, unknown>> | null): Figures {
  if (stats === null) return NONE;
  const number = (name: string) => Number(stats[name] ?? 0);
  return {
    count: number('review_count'),
    sum: number('rating_sum'),
    stars: [1, 2, 3, 4, 5].map((star) => number(`rating_${star}`)),
    verified: number('verified_count'),
    media: number('media_count'),
    version: String(stats.version ?? 0),
  };
}

/** @param mean of all ratings of all products (mean-rating.ts) */
export function toSummary({ count, sum, stars, verified, media }: Figures, mean: number): Summary {
  const [one = 0, two = 0, three = 0, four = 0, five = 0] = stars;
  return {
    avg_rating: count === 0 ? 0 : rounded(sum / count, 100),
    count,
    histogram: { 1: one, 2: two, 3: three, 4: four, 5: five },
    verified_count: verified,
    media_count: media,
    score: rounded((ASSUMED_REVIEWS * mean + sum) / (ASSUMED_REVIEWS + count), 10_000),
  };
}

const rounded = (value: number, steps: number) => Math.round(value * steps) / steps;
