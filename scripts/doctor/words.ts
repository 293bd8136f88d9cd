/** What the doctor says, in the operator's language. */
import type { Language } from '../lib/language.ts';
import { en } from './words-en.ts';
import { ru } from './words-ru.ts';

/** English is the measure: what is in it must be in the others. */
export type Words = typeof en;

export const wordsIn = (language: Language): Words => ({ en, ru })[language];
