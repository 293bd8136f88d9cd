/** Every sentence in every language: made of its parameters, in its own script, with nothing left over. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/config.ts';
import { LANGUAGES, type Language } from '../../src/config/settings.ts';
import { policyOf } from '../../src/features/reviews/policy/routes.ts';
import { ERRORS, type ErrorKey, type ErrorParams } from '../../src/words/catalogue.ts';
import { type Problem, RULES } from '../../src/words/problems.ts';
import { isWorded, sentence } from '../../src/words/render.ts';

const KEYS = Object.keys(ERRORS) as ErrorKey[];

/** What the parameters that are not examples of the catalogue are: each rule. */
const problems = Object.entries(RULES).map(([rule, params]) => ({ rule, ...params }) as Problem);

function everySentence(language: Language): [name: string, sentence: string][] {
  return [
    ...KEYS.filter(isWorded).map((key): [string, string] => [
      key,
      sentence(language, key, ERRORS[key].params as ErrorParams<typeof key>),
    ]),
    ...problems.map((problem): [string, string] => [
      problem.rule,
      sentence(language, 'field_invalid', { field: 'text', ...problem }),
    ]),
    ...[0, 1, 3].flatMap((reports) =>
      ['pre', 'post'].flatMap((moderation) =>
        Object.entries(policyOf(reviewSettings(reports, moderation), language)).map(
          ([part, text]): [string, string] => [`policy.${part}`, text],
        ),
      ),
    ),
  ];
}

const reviewSettings = (reports: number, moderation: string) =>
  parseConfig({
    JWT_SECRET: 'x'.repeat(40),
    DATABASE_URL: 'postgresql://u:p@127.0.0.1/d',
    REVIEWS_HOLD_AFTER_REPORTS: String(reports),
    REVIEWS_REQUIRE_PURCHASE: String(reports > 0),
    REVIEWS_MODERATION: moderation,
  }).reviews;

/** Names that have no translation. */
const NAMES =
  /\b(Host|HTTP|JSON|URL|UTF|Content-Length|Transfer-Encoding|chunked|Expect|100-continue|WebSocket|TRACE|JPEG|PNG)\b|\bm\b/g;

test('every sentence is made in every language, with nothing left of how it was made', () => {
  for (const language of LANGUAGES)
    for (const [name, text] of everySentence(language)) {
      assert.doesNotMatch(text, /undefined|null|NaN|\$?\{|\}|\[object/, `${language} ${name}: ${text}`);
      assert.match(text, /\S.*\S/, `${language} ${name}`);
      assert.equal(text, text.normalize('NFC').trim(), `${language} ${name}`);
    }
});

test('Russian is in Cyrillic, but for names that have no translation', () => {
  for (const [name, text] of everySentence('ru')) {
    assert.match(text, /[а-яё]{2}/i, `${name}: ${text}`);
    assert.doesNotMatch(text.replace(NAMES, ''), /[a-z]/i, `${name}: ${text}`);
  }
});

test('Uzbek is in Latin script, with oʻ, gʻ and ʼ as they are written', () => {
  for (const [name, text] of everySentence('uz')) {
    assert.doesNotMatch(text, /[\u0400-\u04ff]/, `${name}: ${text}`);
    // The typewriter's ' and its like; oʻ and gʻ have U+02BB, what parts syllables is U+02BC.
    assert.doesNotMatch(text, /['`´‘’]/, `${name}: ${text}`);
    assert.doesNotMatch(text, /[^og]ʻ|[og]ʼ/i, `${name}: ${text}`);
  }
});

test('no language has the words of another', () => {
  const english = new Map(everySentence('en'));
  for (const language of ['ru', 'uz'] as const)
    for (const [name, text] of everySentence(language)) assert.notEqual(text, english.get(name), name);
});

test('a Russian sentence ends as one, and begins with a capital letter', () => {
  for (const language of ['ru', 'uz'] as const)
    for (const [name, text] of everySentence(language)) {
      assert.match(text, /\.$/, `${language} ${name}: ${text}`);
      assert.match(text, /^[\p{Lu}\d«]/u, `${language} ${name}: ${text}`);
    }
});

test('Russian counts in three forms', () => {
  const wait = (seconds: number) => sentence('ru', 'too_many_actions', { retry_after: seconds });
  assert.match(wait(1), /через 1 секунду\.$/);
  assert.match(wait(22), /через 22 секунды\.$/);
  assert.match(wait(11), /через 11 секунд\.$/);
  assert.match(wait(60), /через 1 минуту\.$/);
  assert.match(wait(3600), /через 1 час\.$/);
  assert.match(wait(80_000), /через 23 часа\.$/);
  const longest = (max: number) =>
    sentence('ru', 'field_invalid', { field: 'title', rule: 'max_length', max });
  assert.equal(longest(1), 'Заголовок: сократите до 1 символа.');
  assert.equal(longest(120), 'Заголовок: сократите до 120 символов.');
  assert.equal(longest(121), 'Заголовок: сократите до 121 символа.');
  const reported = (n: number) => policyOf(reviewSettings(n, 'post'), 'ru').moderation;
  assert.match(reported(1), /пожаловался 1 покупатель этого товара/);
  assert.match(reported(2), /пожаловались 2 покупателя/);
  assert.match(reported(5), /пожаловались 5 покупателей/);
});

test('a field within a list is named with its place in it', () => {
  const problem = { field: 'files.1.size_bytes', rule: 'file_size' } as const;
  assert.equal(
    sentence('ru', 'field_invalid', problem),
    'Файлы, № 2, размер файла: укажите целое число байт, не меньше 1.',
  );
  assert.match(sentence('en', 'field_invalid', problem), /^files\.1\.size_bytes: must be/);
});

test('the backend’s own words are the same in every language', () => {
  for (const key of KEYS.filter((one) => !isWorded(one)))
    assert.equal(new Set(LANGUAGES.map((language) => sentence(language, key, {} as never))).size, 1);
  assert.deepEqual(
    KEYS.filter((key) => ERRORS[key].status === 401).map((key) => sentence('uz', key, {} as never)),
    ['Not authenticated', 'Invalid token', 'User not found'],
  );
});
