/** The body of an error, in a language. */
import type { Language } from '../config/settings.ts';
import type { AppError } from '../errors.ts';
import type { ErrorKey } from '../words/catalogue.ts';

/** Of errors that are always the same, so that a refusal under overload costs a look-up. */
const made: Readonly<Record<Language, Map<ErrorKey, Buffer>>> = {
  en: new Map(),
  ru: new Map(),
  uz: new Map(),
};

export function errorBody(error: AppError, language: Language): Buffer {
  const hasOnlyCode = Object.keys(error.fields).length === 1;
  if (!hasOnlyCode) return makeBody(error, language);
  const body = made[language].get(error.key) ?? makeBody(error, language);
  made[language].set(error.key, body);
  return body;
}

const makeBody = (error: AppError, language: Language) =>
  Buffer.from(JSON.stringify({ detail: error.sentence(language), ...error.fields }));
