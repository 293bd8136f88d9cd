/**
 * Changes to the bytes of HTTP messages: blind ones that break anything, and knowing ones that aim at the places where
 * two readers may disagree.
 */
import { EVIL_FIELDS, EVIL_TEXTS } from './evil.ts';
import type { Random } from './random.ts';

type Mutation = (random: Random, text: string, others: readonly string[]) => string;

const replaceRange = (text: string, from: number, to: number, by: string) =>
  text.slice(0, from) + by + text.slice(to);

const BLIND: readonly Mutation[] = [
  function flipBit(random, text) {
    const at = random.int(0, Math.max(0, text.length - 1));
    const byte = text.charCodeAt(at) ^ (1 << random.int(0, 7));
    return replaceRange(text, at, at + 1, String.fromCharCode(byte & 0xff));
  },
  function insertByte(random, text) {
    const at = random.int(0, text.length);
    return replaceRange(text, at, at, String.fromCharCode(random.int(0, 255)));
  },
  function insertEvil(random, text) {
    const at = random.int(0, text.length);
    return replaceRange(text, at, at, random.pick(EVIL_TEXTS));
  },
  function deleteRange(random, text) {
    const at = random.int(0, text.length);
    return replaceRange(text, at, at + random.int(1, 8), '');
  },
  function repeatRange(random, text) {
    const at = random.int(0, text.length);
    const range = text.slice(at, at + random.int(1, 20));
    return replaceRange(text, at, at, range.repeat(random.pick([1, 1, 2, 50])));
  },
  function cutOff(random, text) {
    return text.slice(0, random.int(0, text.length));
  },
  function splice(random, text, others) {
    const other = random.pick(others);
    return text.slice(0, random.int(0, text.length)) + other.slice(random.int(0, other.length));
  },
  function append(random, text, others) {
    return text + random.pick(others);
  },
];

const KNOWING: readonly Mutation[] = [
  function addField(random, text) {
    const lineEnds = [...text.matchAll(/\r\n/g)].map((match) => match.index);
    if (lineEnds.length === 0) return text;
    const at = random.pick(lineEnds.slice(0, 12));
    return replaceRange(text, at, at, `\r\n${random.pick(EVIL_FIELDS)}`);
  },
  function changeField(random, text) {
    return onLine(random, text, (line) => {
      const colon = line.indexOf(':');
      return colon === -1
        ? line
        : `${line.slice(0, colon)}${random.pick([':', ': ', ' :', ':\t'])}${random.pick(EVIL_TEXTS)}`;
    });
  },
  function repeatLine(random, text) {
    return onLine(random, text, (line) => `${line}\r\n${line}`);
  },
  function dropLine(random, text) {
    return onLine(random, text, () => null);
  },
  function foldLine(random, text) {
    return onLine(random, text, (line) => line.replace(/ /, random.pick(['\r\n ', '\n ', '\r ', ' \r\n\t'])));
  },
  function changeCase(random, text) {
    return onLine(random, text, (line) => (random.chance(0.5) ? upperCase(line) : lowerCase(line)));
  },
  function bareLineEnds(random, text) {
    const by = random.pick(['\n', '\r', '\n\r', '\r\r\n']);
    return random.chance(0.5) ? text.replaceAll('\r\n', by) : replaceOne(random, text, /\r\n/g, () => by);
  },
  function changeNumber(random, text) {
    return replaceOne(random, text, /\d+/g, (digits) =>
      random.pick([
        `${Number(digits) + 1}`,
        `${Math.max(0, Number(digits) - 1)}`,
        `0${digits}`,
        `-${digits}`,
        '0',
        '4294967296',
      ]),
    );
  },
  function hugeValue(random, text) {
    const size = random.pick([1_000, 9_000, 66_000]);
    return onLine(random, text, (line) => line + random.pick(['a', '\xe9', ', ']).repeat(size));
  },
  function hugeCount(random, text) {
    return onLine(
      random,
      text,
      (line) => `${line}\r\n${'X-A: 1\r\n'.repeat(random.pick([100, 2_500]))}X-B: 1`,
    );
  },
  function aliasPath(random, text) {
    return replaceOne(random, text, /\/[a-z]+/g, (part) =>
      random.pick([
        `/%${part.charCodeAt(1).toString(16)}${part.slice(2)}`,
        `/.${part}`,
        `/x/..${part}`,
        `/%2e%2e${part}`,
        `%2f${part.slice(1)}`,
        `/${part}`,
        `${part}/`,
        `${part}/.`,
        `${part};x=y`,
        `${part}%00`,
        `${part}?`,
        upperCase(part),
      ]),
    );
  },
];

/** @returns the text after one to four changes; with `others` as material for splices */
export function mutate(random: Random, text: string, others: readonly string[]): string {
  let mutated = text;
  for (let left = random.pick([1, 1, 1, 2, 2, 3, 4]); left > 0; left -= 1) {
    const change = random.pick(random.chance(0.4) ? BLIND : KNOWING);
    mutated = change(random, mutated, others);
  }
  return mutated;
}

/** ASCII only: the capital of the byte FF is no byte. */
const upperCase = (text: string) => text.replace(/[a-z]/g, (letter) => letter.toUpperCase());
const lowerCase = (text: string) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

/** Changes one of the lines that a head may have; null removes it. */
function onLine(random: Random, text: string, change: (line: string) => string | null): string {
  const lines = text.split('\r\n');
  const at = random.int(0, Math.min(lines.length - 1, 12));
  const changed = change(lines[at] ?? '');
  lines.splice(at, 1, ...(changed === null ? [] : [changed]));
  return lines.join('\r\n');
}

function replaceOne(random: Random, text: string, what: RegExp, by: (found: string) => string): string {
  const found = [...text.matchAll(what)];
  if (found.length === 0) return text;
  const match = random.pick(found);
  return replaceRange(text, match.index, match.index + match[0].length, by(match[0]));
}
