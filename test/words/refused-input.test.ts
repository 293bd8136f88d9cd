/** What is wrong with an input is said in our words: each check of a schema names a rule, none lets zod speak. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { parseInput } from '../../src/edge/validate.ts';
import { AppError } from '../../src/errors.ts';
import { REVIEWS } from '../../src/features/reviews/description/routes.ts';
import { UPLOADS } from '../../src/features/uploads/description/routes.ts';
import { ERRORS } from '../../src/words/catalogue.ts';
import { RULES } from '../../src/words/problems.ts';

const SRC = join(import.meta.dirname, '../../src');

/** Each is wrong for most fields. */
const JUNK: readonly unknown[] = [
  ...[null, true, 5, -1, 0.5, 2 ** 60, '', ' ', 'junk', 'x'.repeat(5000), '\0', '\ud800', '\u0007'],
  ...[[], ['junk'], [1, 1], Array(300).fill('junk'), {}, { junk: 1 }],
];

interface Input {
  readonly name: string;
  readonly schema: z.ZodType;
  /** That passes. */
  readonly good: Readonly<Record<string, unknown>>;
}

const inputs: Input[] = Object.entries({ ...UPLOADS, ...REVIEWS }).flatMap(([name, { query, body }]) => [
  ...(query === undefined ? [] : [{ name: `query of ${name}`, schema: query, good: {} }]),
  ...Object.values(body?.examples ?? {}).map((good) => ({
    name: `body of ${name}`,
    schema: body?.checkedBy ?? body?.schema ?? z.never(),
    good: good as Input['good'],
  })),
]);

function refusal(schema: z.ZodType, value: unknown): AppError | undefined {
  try {
    parseInput(schema, value);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof AppError);
    return error;
  }
}

const FIELDS = [
  ...['action', 'content_type', 'cursor', 'display_name', 'filename', 'files', 'has_media', 'kind', 'limit'],
  ...['media_upload_ids', 'multipart', 'note', 'part_numbers', 'product_ids', 'rating', 'reason', 'sha256'],
  ...['size_bytes', 'sort', 'status', 'text', 'title', 'unreplied', 'user_id', 'verified'],
];

test('whatever is wrong with a field breaks a rule of ours, and the field has a name in Russian', () => {
  const broken = new Set<unknown>();
  for (const { name, schema, good } of inputs)
    for (const field of FIELDS)
      for (const value of JUNK) {
        const error = refusal(schema, { ...good, [field]: value });
        if (error === undefined) continue;
        const what = `${name}, ${field}: ${JSON.stringify(value)?.slice(0, 60)}: ${error.message}`;
        assert.equal(error.fields.code, 'invalid', what);
        assert.doesNotMatch(error.sentence('ru'), /«\w/, what);
        const { params } = error.fields as { params?: { rule?: string; field?: string } };
        // Of a list's members one may be what no field is; that has no rule of its own.
        if (!params?.field?.includes('.')) assert.notEqual(params?.rule, 'invalid', what);
        broken.add(params?.rule ?? error.key);
      }
  assert.ok(broken.size > 20, [...broken].join());
});

test('a body that is no object is refused in words of ours', () => {
  for (const { name, schema } of inputs.filter((input) => input.name.startsWith('body')))
    for (const value of [null, [], 'junk', 5, true])
      assert.match(refusal(schema, value)?.key ?? '', /^not_an_object/, `${name}: ${JSON.stringify(value)}`);
});

/** What operators read is in English, and is no answer: commands, and the state of tables. */
const OPERATORS = /^(config|words)\/|\/(operator|tables|description)\/|^edge\/(route-)?description\.ts/;
const read = (path: string) => readFileSync(join(SRC, path), 'utf8');
const withoutComments = (text: string) => text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
const sources = globSync('**/*.ts', { cwd: SRC }).filter((path) => !OPERATORS.test(path));

test('no check and no answer in the sources has a sentence of its own', () => {
  const checks = [
    /\b(?:error|message): ['"`]/,
    /\.(?:refine|regex|min|max|length|nonempty)\([^;]*, ?['"`][^'"`]* [^'"`]*['"`]\)/,
    /Message = ['"`]/,
  ];
  const answers = [/\bdetail: ['"`]/, /"detail"/];
  for (const path of sources) {
    const text = withoutComments(read(path));
    for (const sentence of [...answers, ...(/from '(?:zod|.*validate\.ts)'/.test(text) ? checks : [])])
      assert.ok(!sentence.test(text), `${path}: ${sentence}`);
  }
});

test('every rule and every error of the catalogue is used', () => {
  const all = globSync('**/*.ts', { cwd: SRC })
    .filter((path) => !/^words\/(?!messages)/.test(path))
    .map(read)
    .join('\n');
  // `invalid` and `object` are what validate.ts says of a check without a rule.
  for (const rule of Object.keys(RULES)) assert.ok(all.includes(`'${rule}'`), `rule ${rule}`);
  // Made of a state, or of a reason.
  const made = /^upload_(ready|rejected|expired|deleted)$|^rejected_|_path$/;
  for (const key of Object.keys(ERRORS))
    assert.ok(made.test(key) || all.includes(`'${key}'`), `error ${key}`);
});
