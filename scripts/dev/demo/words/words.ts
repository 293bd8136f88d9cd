/** What people write in reviews, by language: sentences that fit the kind of product and what its buyer thinks of it. */
import { en } from './en.ts';
import { ru } from './ru.ts';
import { uz } from './uz.ts';

export type Category = 'clothes' | 'shoes' | 'home' | 'kitchen' | 'electronics' | 'kids' | 'beauty' | 'food';
/** Four or five stars, three, one or two. */
export type Mood = 'good' | 'mixed' | 'bad';

export interface Words {
  /** Of people, surname included. */
  readonly people: { readonly first: readonly string[]; readonly last: readonly string[] }[];
  readonly titles: Readonly<Record<Mood, readonly string[]>>;
  readonly openings: Readonly<Record<Mood, readonly string[]>>;
  /** About the product itself. */
  readonly praise: Readonly<Record<Category, readonly string[]>>;
  readonly blame: Readonly<Record<Category, readonly string[]>>;
  readonly but: string;
  readonly endings: Readonly<Record<Mood, readonly string[]>>;
  /** All that some have to say. */
  readonly short: Readonly<Record<Mood, readonly string[]>>;
  /** The seller's. */
  readonly replies: Readonly<Record<'good' | 'bad', readonly string[]>>;
}

export const LANGUAGES = { ru, uz, en } as const;
export type DemoLanguage = keyof typeof LANGUAGES;
