/**
 * zod carries what is wrong as a text; these are such texts, made of a rule or of an error, and read again by
 * edge/validate.ts. So no sentence of zod's own reaches anybody, and each language has its own.
 */
import type { PlainErrorKey } from './catalogue.ts';
import type { Problem, Rule, RuleParams } from './problems.ts';

type Rest<R extends Rule> = keyof RuleParams<R> extends never ? [] : [params: RuleParams<R>];

/** For zod, as its message: the field breaks this rule. */
export const breaks = <R extends Rule>(rule: R, ...[params]: Rest<R>): string =>
  JSON.stringify({ rule, ...params });

/** For zod, as its message: about no field, but the whole of what was sent. */
export const isError = (key: PlainErrorKey): string => JSON.stringify({ key });

/** Whether one of them has made it. */
export const isOurs = (message: string) => message.startsWith('{"');

/** What either of them has made; `invalid` for a message of zod's own. */
export function readMessage(message: string): Problem | { readonly key: PlainErrorKey } {
  return isOurs(message) ? JSON.parse(message) : { rule: 'invalid' };
}
