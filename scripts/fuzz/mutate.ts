/**
 * Changes to the bytes of HTTP messages: blind ones that break anything, and knowing ones that aim at the places where
 * two readers may disagree. A case that fails is made smaller by fast-check until only the changes are left that matter.
 */
import fc from 'fast-check';
import { EVIL_FIELDS, EVIL_TEXTS } from './evil.ts';

export type Change = (text: string) => string;
type Changes = fc.Arbitrary<Change>;

/** A place in a text of any length. */
const place = fc.nat(0xffff);
const indexIn = (text: string, at: number): number => at % (text.length + 1);

const replaceRange = (text: string, from: number, to: number, by: string) =>
  text.slice(0, from) + by + text.slice(to);

/** Puts something in the place of so many characters. */
const replaced =
  (at: number, count: number, by: string): Change =>
  (text) =>
    replaceRange(text, indexIn(text, at), indexIn(text, at) + count, by);

const flipBit = fc.tuple(place, fc.nat(7)).map(([at, bit]): Change => {
  return (text) => {
    const byte = (text.charCodeAt(indexIn(text, at)) || 0) ^ (1 << bit);
    return replaced(at, 1, String.fromCharCode(byte & 0xff))(text);
  };
});
const insertByte = fc
  .tuple(place, fc.nat(255))
  .map(([at, byte]) => replaced(at, 0, String.fromCharCode(byte)));
const insertEvil = fc.tuple(place, fc.constantFrom(...EVIL_TEXTS)).map(([at, evil]) => replaced(at, 0, evil));
const deleteRange = fc.tuple(place, fc.integer({ min: 1, max: 8 })).map(([at, n]) => replaced(at, n, ''));
const repeatRange = fc
  .tuple(place, fc.integer({ min: 1, max: 20 }), fc.constantFrom(1, 1, 2, 50))
  .map(([at, length, times]): Change => {
    return (text) => {
      const from = indexIn(text, at);
      return replaceRange(text, from, from, text.slice(from, from + length).repeat(times));
    };
  });
const cutOff = place.map(
  (at): Change =>
    (text) =>
      text.slice(0, indexIn(text, at)),
);

const splice = (others: fc.Arbitrary<string>): Changes =>
  fc.tuple(place, others, place).map(([at, other, from]): Change => {
    return (text) => text.slice(0, indexIn(text, at)) + other.slice(indexIn(other, from));
  });
const append = (others: fc.Arbitrary<string>): Changes =>
  others.map(
    (other): Change =>
      (text) =>
        text + other,
  );

/** Changes one of the lines that a head may have; null removes it. */
const onLine = <T>(what: fc.Arbitrary<T>, change: (line: string, by: T) => string | null): Changes =>
  fc.tuple(fc.nat(12), what).map(([number, by]): Change => {
    return (text) => {
      const lines = text.split('\r\n');
      const at = number % lines.length;
      const changed = change(lines[at] ?? '', by);
      lines.splice(at, 1, ...(changed === null ? [] : [changed]));
      return lines.join('\r\n');
    };
  });

/** Changes one of the places that match. */
const onMatch = <T>(
  pattern: RegExp,
  what: fc.Arbitrary<T>,
  change: (found: string, by: T) => string,
  most = Number.POSITIVE_INFINITY,
): Changes =>
  fc.tuple(place, what).map(([number, by]): Change => {
    return (text) => {
      const found = [...text.matchAll(pattern)].slice(0, most);
      const match = found[number % found.length];
      if (match === undefined) return text;
      return replaceRange(text, match.index, match.index + match[0].length, change(match[0], by));
    };
  });

const nothing = fc.constant(null);
const LINE_ENDS = fc.constantFrom('\n', '\r', '\n\r', '\r\r\n');
const FOLDS = fc.constantFrom('\r\n ', '\n ', '\r ', ' \r\n\t');
const COLONS = fc.constantFrom(':', ': ', ' :', ':\t');
/** ASCII only: the capital of the byte FF is no byte. */
const upperCase = (text: string) => text.replace(/[a-z]/g, (letter) => letter.toUpperCase());
const lowerCase = (text: string) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

const NUMBERS: readonly ((digits: string) => string)[] = [
  (digits) => `${Number(digits) + 1}`,
  (digits) => `${Math.max(0, Number(digits) - 1)}`,
  (digits) => `0${digits}`,
  (digits) => `-${digits}`,
  () => '0',
  () => '4294967296',
];
const PATHS: readonly ((part: string) => string)[] = [
  (part) => `/%${part.charCodeAt(1).toString(16)}${part.slice(2)}`,
  (part) => `/.${part}`,
  (part) => `/x/..${part}`,
  (part) => `/%2e%2e${part}`,
  (part) => `%2f${part.slice(1)}`,
  (part) => `/${part}`,
  ...['/', '/.', ';x=y', '%00', '?'].map((end) => (part: string) => part + end),
  upperCase,
];

/** In front of a line end, of the head most likely. */
const addField = onMatch(/\r\n/g, fc.constantFrom(...EVIL_FIELDS), (end, field) => `\r\n${field}${end}`, 12);
const changeField = onLine(fc.tuple(COLONS, fc.constantFrom(...EVIL_TEXTS)), (line, [colon, evil]) => {
  const at = line.indexOf(':');
  return at === -1 ? line : `${line.slice(0, at)}${colon}${evil}`;
});
const hugeValue = fc.tuple(fc.constantFrom('a', '\xe9', ', '), fc.constantFrom(1_000, 9_000, 66_000));

const KNOWING: readonly Changes[] = [
  addField,
  changeField,
  onLine(nothing, (line) => `${line}\r\n${line}`),
  onLine(nothing, () => null),
  onLine(FOLDS, (line, fold) => line.replace(/ /, fold)),
  onLine(fc.constantFrom(upperCase, lowerCase), (line, change) => change(line)),
  LINE_ENDS.map(
    (by): Change =>
      (text) =>
        text.replaceAll('\r\n', by),
  ),
  onMatch(/\r\n/g, LINE_ENDS, (_, by) => by),
  onMatch(/\d+/g, fc.constantFrom(...NUMBERS), (digits, change) => change(digits)),
  onLine(hugeValue, (line, [part, times]) => line + part.repeat(times)),
  onLine(fc.constantFrom(100, 2_500), (line, times) => `${line}\r\n${'X-A: 1\r\n'.repeat(times)}X-B: 1`),
  onMatch(/\/[a-z]+/g, fc.constantFrom(...PATHS), (part, change) => change(part)),
];

/** Up to four changes; with `others` as material for splices. */
export function changes(others: readonly string[]): Changes {
  const other = fc.constantFrom(...others);
  const blind = [
    flipBit,
    insertByte,
    insertEvil,
    deleteRange,
    repeatRange,
    cutOff,
    splice(other),
    append(other),
  ];
  const one = fc.oneof(
    { weight: 2, arbitrary: fc.oneof(...blind) },
    { weight: 3, arbitrary: fc.oneof(...KNOWING) },
  );
  return fc.array(one, { maxLength: 4 }).map(
    (all): Change =>
      (text) =>
        all.reduce((changed, change) => change(changed), text),
  );
}

/** Where to cut a text, for `splitAt`. */
export const cuts = (most: number): fc.Arbitrary<number[]> => fc.array(place, { maxLength: most });

/** Cuts a text into non-empty parts. */
export function splitAt(text: string, at: readonly number[]): string[] {
  const places = [0, ...at.map((place) => indexIn(text, place)).toSorted((a, b) => a - b), text.length];
  return places.slice(1).flatMap((end, i) => (end > (places[i] ?? 0) ? [text.slice(places[i], end)] : []));
}
