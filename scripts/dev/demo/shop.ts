/** A shop that was open for a year and a half: who sold, bought and wrote what. Pure, and the same for the same seed. */
import { DEMO_PRODUCTS, type DemoProduct } from './products.ts';
import { createRandom, type Random } from './random.ts';
import { type DemoLanguage, LANGUAGES, type Mood } from './words/words.ts';

export interface DemoPerson {
  readonly email: string;
  readonly name: string;
  readonly role: 'buyer' | 'seller';
  readonly language: DemoLanguage;
}

/** Of products and people by their place in the lists. */
export interface DemoReview {
  readonly product: number;
  readonly author: number;
  readonly rating: number;
  readonly title: string | null;
  readonly text: string | null;
  readonly createdAt: Date;
  readonly editedAt: Date | null;
  readonly status: 'published' | 'pending' | 'held' | 'hidden';
  readonly reason: string | null;
  readonly isVerified: boolean;
  readonly isShortName: boolean;
  readonly reply: { readonly text: string; readonly at: Date } | null;
  /** Their uploads. */
  readonly pictures: readonly string[];
  /** Who found it helpful, and who reported it. */
  readonly voters: readonly number[];
  readonly reporters: readonly number[];
}

export interface DemoShop {
  readonly products: readonly (DemoProduct & { readonly seller: number; readonly picture: string })[];
  readonly sellers: readonly DemoPerson[];
  readonly buyers: readonly DemoPerson[];
  /** Oldest first. */
  readonly reviews: readonly DemoReview[];
}

const BUYERS = 400;
const REVIEWS = 2_000;
/** Not the time of today: what is made twice has to be the same. */
const UNTIL = Date.UTC(2026, 10, 20, 18);
const DAY_MS = 86_400_000;
const DAYS = 540;
/** Of all; the rest is published. */
const KEPT_BACK = [
  ...Array.from({ length: 10 }, () => ['held', 'blocked_words'] as const),
  ...Array.from({ length: 8 }, () => ['hidden', 'spam'] as const),
  ...Array.from({ length: 7 }, () => ['pending', null] as const),
];
const REPORTED = 8;
const WITH_PICTURES = 60;

export function makeShop(seed = 1): DemoShop {
  const random = createRandom(seed);
  const sellers = ['Boris Seller', 'Samarqand Market', 'Rishton Keramika', 'Северный дом'].map((name, i) => ({
    ...{ email: i === 0 ? 'seller@demo.com' : `seller${i + 1}@demo.com`, name, role: 'seller' as const },
    language: (['en', 'uz', 'uz', 'ru'] as const)[i] ?? 'en',
  }));
  const buyers = Array.from({ length: BUYERS }, (_, i) => makeBuyer(random, i));
  const products = DEMO_PRODUCTS.map((product) => ({
    ...{ ...product, seller: random.below(sellers.length), picture: random.uuid() },
    quality: random.next(),
  }));
  const written = takeTurns(random).map(({ product, author, createdAt }) => {
    const { category, quality } = products[product] as (typeof products)[number];
    const mood = moodOf(random, quality);
    return { product, author, createdAt, ...write(random, buyers[author]?.language ?? 'en', category, mood) };
  });
  const reviews = written.map((review, i) => finish(random, review, i));
  return { sellers, buyers, products: products.map(({ quality: _, ...product }) => product), reviews };
}

function makeBuyer(random: Random, i: number): DemoPerson {
  const chance = random.next();
  const language = chance < 0.45 ? 'ru' : chance < 0.8 ? 'uz' : 'en';
  const { first, last } = random.of(LANGUAGES[language].people);
  const email = `demo${String(i + 1).padStart(3, '0')}@demo.com`;
  return { email, name: `${random.of(first)} ${random.of(last)}`, role: 'buyer', language };
}

/** Who reviews what, when: a few products have most of the reviews, and lately there are more. */
function takeTurns(random: Random) {
  const popularity = DEMO_PRODUCTS.map((_, i) => 1 / (((i * 17) % DEMO_PRODUCTS.length) + 2));
  const upTo = popularity.map((_, i) => popularity.slice(0, i + 1).reduce((sum, share) => sum + share, 0));
  const total = upTo.at(-1) ?? 0;
  const taken = new Set<string>();
  const turns: { product: number; author: number; createdAt: Date }[] = [];
  while (turns.length < REVIEWS) {
    const at = random.next() * total;
    const product = upTo.findIndex((sum) => at < sum);
    const author = random.below(BUYERS);
    if (product === -1 || taken.has(`${product} ${author}`)) continue;
    taken.add(`${product} ${author}`);
    turns.push({ product, author, createdAt: new Date(UNTIL - random.next() ** 1.6 * DAYS * DAY_MS) });
  }
  return turns.sort((one, other) => one.createdAt.getTime() - other.createdAt.getTime());
}

function moodOf(random: Random, quality: number): Mood {
  const chance = random.next();
  if (chance < 0.5 + 0.42 * quality) return 'good';
  return random.isIt(0.45) ? 'mixed' : 'bad';
}

function write(random: Random, language: DemoLanguage, category: DemoProduct['category'], mood: Mood) {
  const words = LANGUAGES[language];
  const rating =
    mood === 'mixed' ? 3 : mood === 'good' ? (random.isIt(0.72) ? 5 : 4) : random.isIt(0.6) ? 1 : 2;
  const chance = random.next();
  if (chance < 0.2) return { language, mood, rating, title: null, text: null };
  if (chance < 0.34) return { language, mood, rating, title: null, text: random.of(words.short[mood]) };
  const praise = random.of(words.praise[category]);
  const blame = random.of(words.blame[category]);
  const more = random.of(words.praise[category]);
  const body = {
    good: more === praise || random.isIt(0.5) ? [praise] : [praise, more],
    mixed: [praise, `${words.but}${words.but.endsWith(':') ? ' ' : ' '}${lowered(blame)}`],
    bad: [blame],
  }[mood];
  const opening = random.isIt(0.6) ? [random.of(words.openings[mood])] : [];
  const ending = random.of(words.endings[mood]);
  const text = [...opening, ...body, ...(ending === '' ? [] : [ending])].join(' ');
  return { language, mood, rating, title: random.isIt(0.45) ? random.of(words.titles[mood]) : null, text };
}

const lowered = (sentence: string) => sentence.charAt(0).toLowerCase() + sentence.slice(1);

type Written = ReturnType<typeof write> & Pick<DemoReview, 'product' | 'author' | 'createdAt'>;

function finish(random: Random, { language, mood, ...review }: Written, i: number): DemoReview {
  const later = (days: number) =>
    new Date(review.createdAt.getTime() + random.next() * days * DAY_MS + 3_600_000);
  const repliesTo = mood === 'bad' ? 0.45 : 0.1;
  const replies = LANGUAGES[language].replies[mood === 'good' ? 'good' : 'bad'];
  const others = (count: number) =>
    [...new Set(Array.from({ length: count }, () => random.below(BUYERS)))].filter(
      (who) => who !== review.author,
    );
  // Among the latest, where a moderator looks first.
  const [status, reason] = KEPT_BACK[(REVIEWS - 1 - i) / 4] ?? ['published', null];
  const hasPictures = i % Math.floor(REVIEWS / WITH_PICTURES) === 5;
  return {
    ...review,
    ...{ status, reason },
    editedAt: random.isIt(0.04) ? later(10) : null,
    isVerified: random.isIt(0.7),
    isShortName: random.isIt(0.15),
    reply: random.isIt(repliesTo) ? { text: random.of(replies), at: later(5) } : null,
    pictures: hasPictures ? Array.from({ length: 1 + random.below(3) }, () => random.uuid()) : [],
    voters: status === 'published' && review.text !== null ? others(Math.floor(random.next() ** 4 * 22)) : [],
    reporters:
      status === 'published' && (REVIEWS - 3 - i) / 8 < REPORTED && (REVIEWS - 3 - i) % 8 === 0
        ? others(2)
        : [],
  };
}
