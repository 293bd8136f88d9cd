/** What each language must have words for. */
import type { Language } from '../config/settings.ts';
import type { ErrorParams, WordedErrorKey } from './catalogue.ts';
import type { Rule, RuleParams } from './problems.ts';

/** The language for who sends this Accept-Language. Cheap enough to be asked for each refusal. */
export type LanguageOf = (acceptLanguage: string | undefined) => Language;

/** A sentence, or what makes one of the parameters, where there are any. */
type Wording<Params> = keyof Params extends never ? string : string | ((params: Params) => string);

export interface Words {
  readonly errors: { readonly [Key in WordedErrorKey]: Wording<ErrorParams<Key>> };
  /** What `field_invalid` says behind the name of the field. */
  readonly rules: { readonly [R in Rule]: Wording<RuleParams<R>> };
}
