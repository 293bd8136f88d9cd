/** The language that a command talks to its operator in. */
export type Language = 'en' | 'ru';

/** As gettext looks for it: LC_ALL, LC_MESSAGES, LANG; Russian for ru, ru_RU.UTF-8 …, English for all others. */
export function languageOf(env: Readonly<Record<string, string | undefined>>): Language {
  const locale = [env.LC_ALL, env.LC_MESSAGES, env.LANG].find((value) => value);
  return /^ru(?![a-z])/i.test(locale ?? '') ? 'ru' : 'en';
}
