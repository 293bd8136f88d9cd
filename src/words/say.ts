/** What the languages have in common: how a sentence is made of its parameters, and what a field is called. */
import type { Words } from './languages.ts';
import type { Field, Problem } from './problems.ts';

export function sayRule(rules: Words['rules'], { rule, ...params }: Problem): string {
  const words = rules[rule];
  return typeof words === 'string' ? words : words(params as never);
}

export type FieldNames = Readonly<Record<Field, string>>;

/** `files.0.kind` → «Файлы, № 1, вид файла». What has no name stands there as it was sent, in quotation marks. */
export const fieldName = (names: FieldNames, path: string): string =>
  path
    .split('.')
    .map((part) => (/^\d+$/.test(part) ? `№ ${Number(part) + 1}` : (names[part as Field] ?? `«${part}»`)))
    .map((name, i) => (i === 0 ? name : name.charAt(0).toLowerCase() + name.slice(1)))
    .join(', ');
