/** Which of our languages a client reads (RFC 9110 §12.5.4). Whatever it sends, there is one: a language is never refused. */
import { LANGUAGES, type Language } from '../config/settings.ts';
import { loadPackage } from '../load-package.ts';
import type { LanguageOf } from '../words/languages.ts';

/** Browsers send up to a hundred or so; nobody's list of languages is longer than this. */
const MAX_LENGTH = 1_024;
/** There are few that are really sent. When somebody makes them up, they begin anew. */
const MAX_CACHED = 500;

/** @param fallback for who sends none, or none of ours */
export function createLanguageOf(fallback: Language): LanguageOf {
  const known = new Map<string, Language>();
  // First, since `*` means whichever we like.
  const ours = [fallback, ...LANGUAGES.filter((language) => language !== fallback)];

  return (acceptLanguage) => {
    if (acceptLanguage === undefined || acceptLanguage.length > MAX_LENGTH) return fallback;
    const found = known.get(acceptLanguage);
    if (found !== undefined) return found;
    let language: Language;
    try {
      language = negotiate(acceptLanguage, ours) ?? fallback;
    } catch {
      // Loading the library failed, for want of a descriptor say: this is asked while an error is being answered.
      return fallback;
    }
    if (known.size >= MAX_CACHED) known.clear();
    known.set(acceptLanguage, language);
    return language;
  };
}

function negotiate(acceptLanguage: string, ours: Language[]): Language | undefined {
  const Negotiator = loadPackage('negotiator');
  const [best] = new Negotiator({ headers: { 'accept-language': acceptLanguage } }).languages(ours);
  return ours.find((language) => language === best);
}
