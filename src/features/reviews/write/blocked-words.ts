/**
 * Does a text have one of the blocked words? Whole words, whatever their case, accents and apostrophes, in any script.
 * One pass over the text looks its words up in a set; what is more than one word, or is written without spaces, is searched for.
 */

/** @returns whether one of the texts has a blocked word or phrase; null has none */
export type HasBlockedWord = (...texts: readonly (string | null)[]) => boolean;

/** @param entries words and phrases, as their file has them */
export function createBlockedWords(entries: readonly string[]): HasBlockedWord {
  const folded = [...new Set(entries.map(fold))].filter((entry) => entry !== '');
  const words = new Set(folded.filter(isOneWord));
  const others = folded.filter((entry) => !isOneWord(entry));
  if (folded.length === 0) return () => false;

  return (...texts) =>
    texts.some((text) => {
      if (text === null) return false;
      const searched = fold(text);
      return hasWord(searched, words) || others.some((entry) => hasWhole(searched, entry));
    });
}

/** ' is the typewriter's; ` ´ ʹ ʻ ʼ ʽ ʾ ʿ ˈ ‘ ’ ‛ ′ ＇ are used in its place (oʻzbek is written with five of them). */
const APOSTROPHES = /[`´\u02b9\u02bb-\u02bf\u02c8\u2018\u2019\u201b\u2032\uff07]/g;
/** Invisible in a word: soft hyphens, zero-width spaces, variation selectors. */
const INVISIBLE = /\p{Default_Ignorable_Code_Point}/gu;
/** What is an accent; in other scripts such marks are vowels, and in Japanese they make another letter (U+3099, U+309A). */
const ACCENTS =
  /[\p{Mn}&&[\p{Script=Inherited}\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}]&&[^\u3099\u309a]]/gv;
/** The final sigma, and letters with a stroke, which Unicode does not take apart. */
const SINGLES: Readonly<Record<string, string>> = { ς: 'σ', ø: 'o', ł: 'l', đ: 'd', ħ: 'h', ŧ: 't', ƀ: 'b' };

/**
 * What two texts have in common that a reader would call the same. By way of upper case, since ß, ẞ and ı are folded by that
 * alone; a sigma at the end of a word is lower-cased to a letter of its own.
 */
function fold(text: string): string {
  return text
    .replace(APOSTROPHES, "'")
    .normalize('NFKD')
    .toLowerCase()
    .toUpperCase()
    .toLowerCase()
    .normalize('NFKD')
    .replace(INVISIBLE, '')
    .replace(ACCENTS, '')
    .replace(/[ςøłđħŧƀ]/g, (letter) => SINGLES[letter] ?? letter)
    .normalize('NFC')
    .replace(/\s+/g, ' ')
    .trim();
}

/** Scripts without spaces between words: a word of theirs has no boundaries to be recognised by. */
const UNSPACED =
  /[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmer}\p{scx=Myanmar}]/u;
/** An apostrophe belongs to a word within it (UAX #29, WB6 and WB7), at its ends it may be a quotation mark. */
const WORDS = /[\p{L}\p{M}\p{N}]+(?:'[\p{L}\p{M}\p{N}]+)*/gu;
const ONE_WORD = new RegExp(`^${WORDS.source}$`, 'u');
const isOneWord = (entry: string) => ONE_WORD.test(entry) && !UNSPACED.test(entry);

function hasWord(text: string, words: ReadonlySet<string>): boolean {
  if (words.size === 0) return false;
  for (const [word] of text.matchAll(WORDS)) if (words.has(word)) return true;
  return false;
}

function hasWhole(text: string, entry: string): boolean {
  for (let at = text.indexOf(entry); at !== -1; at = text.indexOf(entry, at + 1)) {
    if (isBoundary(text, at) && isBoundary(text, at + entry.length)) return true;
  }
  return false;
}

const LETTER_BEFORE = /[\p{L}\p{M}\p{N}]'?$/u;
const LETTER_AFTER = /^'?[\p{L}\p{M}\p{N}]/u;

/** Between two characters that do not belong to one word. */
function isBoundary(text: string, at: number): boolean {
  const before = text.slice(Math.max(0, at - 3), at);
  const after = text.slice(at, at + 3);
  if (UNSPACED.test(before) || UNSPACED.test(after)) return true;
  const isWithin =
    (LETTER_BEFORE.test(before) && /^[\p{L}\p{M}\p{N}]/u.test(after)) ||
    (/[\p{L}\p{M}\p{N}]$/u.test(before) && LETTER_AFTER.test(after));
  return !isWithin;
}
