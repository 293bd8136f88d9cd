/** From an error's key and parameters to its sentence. */
import type { Language } from '../config/settings.ts';
import { ERRORS, type ErrorKey, type ErrorParams } from './catalogue.ts';
import { en } from './en.ts';
import type { Words } from './languages.ts';
import { isOurs, readMessage } from './messages.ts';
import { ru } from './ru.ts';
import { sayRule } from './say.ts';
import { uz } from './uz.ts';

const WORDS: Readonly<Record<Language, Words>> = { en, ru, uz };

/** Whether an error's sentence differs between languages. */
export const isWorded = (key: ErrorKey): boolean => !('fixed' in ERRORS[key]);

export function sentence<Key extends ErrorKey>(
  language: Language,
  key: Key,
  params: ErrorParams<Key>,
): string {
  const described = ERRORS[key];
  if ('fixed' in described) return described.fixed;
  const words = WORDS[language].errors[key as keyof Words['errors']];
  return typeof words === 'string' ? words : words(params as never);
}

/** A message of a check as operators read it, who have commands in English and see fields by their names. */
export function englishMessage(message: string): string {
  if (!isOurs(message)) return message;
  const wrong = readMessage(message);
  return 'key' in wrong ? sentence('en', wrong.key, {}) : sayRule(en.rules, wrong);
}
