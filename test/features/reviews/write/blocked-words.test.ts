/** Which texts have a blocked word. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBlockedWords } from '../../../../src/features/reviews/write/blocked-words.ts';

function check(entry: string, found: readonly string[], notFound: readonly string[] = []): void {
  const has = createBlockedWords([entry]);
  for (const text of found) assert.equal(has(text), true, `${entry} is in ${text}`);
  for (const text of notFound) assert.equal(has(text), false, `${entry} is not in ${text}`);
}

test('a word is found whole, in any case, with any punctuation around it', () => {
  check(
    'spam',
    ['spam', 'SPAM!', 'no-spam', '"Spam"', "'spam'", 'x\nspam\ty', '(spam)', '_spam_', 'ｓｐａｍ'],
    ['spammer', 'antispam', 'spam2', "spam's", "l'spam"],
  );
});

test('accents make no difference, in either direction', () => {
  check('café', ['CAFE', 'cafe\u0301', 'Café'], ['cafés']);
  check('cafe', ['café']);
  check('ёлка', ['ЕЛКА', 'Ёлка'], ['ёлками']);
  check('strasse', ['STRASSE', 'Straße', 'STRAẞE']);
  check('λόγος', ['ΛΟΓΟΣ', 'λογος']);
  check('hırsız', ['HIRSIZ', 'hirsiz']);
  check('łódź', ['LODZ']);
});

test('apostrophes are alike, and belong to the word', () => {
  check("o'g'ri", ["o'g'ri", 'oʻgʻri', 'Oʼgʼri', 'o’g‘ri', 'O`G`RI', 'o´g´ri'], ['ogri', "o'g'rini"]);
  check('bogʻ', ["bog'", 'bogʻ.', 'BOG’ va'], ['bog', "bog'i"]);
});

test('a letter that is hidden in a word is not there', () => {
  check('spam', ['s\u200bpam', 'sp\u00adam', 'spa\u2060m', 's\ufe0fpam']);
});

test('marks that are vowels are no accents', () => {
  check('कि', ['कि'], ['का', 'कु']);
  check('か', ['か'], ['が']);
});

test('scripts without spaces are searched within', () => {
  check('垃圾', ['这是垃圾产品', '垃圾'], ['垃 圾']);
  check('ขยะ', ['นี่คือขยะจริงๆ']);
});

test('a phrase is found whatever white space is in it, whole', () => {
  check(
    'two words',
    ['Two  words', 'two\nwords.', 'TWO\u00a0WORDS'],
    ['two wordsmiths', 'stwo words', 'two, words'],
  );
});

test('symbols are looked for as they are', () => {
  check('a$$', ['a$$', 'big a$$!'], ['a', 'a$', 'ba$$']);
  check('c++', ['c++ is'], ['c']);
  check('🖕', ['so🖕', '🖕🏽']);
});

test('any of many, in any of several texts; without words nothing is found', () => {
  const has = createBlockedWords(['one', 'two', '\u0301', ' ']);
  assert.equal(has(null, 'nothing', 'is TWO'), true);
  assert.equal(has(null, '', 'twofold'), false);
  assert.equal(createBlockedWords([])('anything'), false);
});

test('ten thousand words cost a text little', () => {
  const has = createBlockedWords(Array.from({ length: 10_000 }, (_, n) => `word${n}`));
  assert.equal(has(`${'x '.repeat(480)} word9999`), true);
});
