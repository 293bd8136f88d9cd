/**
 * The body of an error, in a language: its UTF-8 bytes, a char each, so that it leaves with the head as one latin1 string. As a Buffer
 * it would be a second piece.
 */
import type { Language } from '../config/settings.ts';
import type { AppError } from '../errors.ts';
import type { ErrorKey } from '../words/catalogue.ts';

/** Of errors that are always the same, so that a refusal under overload costs a look-up. */
const made: Readonly<Record<Language, Map<ErrorKey, string>>> = {
  en: new Map(),
  ru: new Map(),
  uz: new Map(),
};

export function errorBody(error: AppError, language: Language): string {
  const hasOnlyCode = Object.keys(error.fields).length === 1;
  if (!hasOnlyCode) return makeBody(error, language);
  const body = made[language].get(error.key) ?? makeBody(error, language);
  made[language].set(error.key, body);
  return body;
}

const makeBody = (error: AppError, language: Language) =>
  Buffer.from(JSON.stringify({ detail: error.sentence(language), ...error.fields })).toString('latin1');
