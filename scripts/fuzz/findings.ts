/**
 * What a run has found: printed at once in a form that can be pasted into a test, and saved so that nothing is lost.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Finding {
  /** What went wrong, in a sentence. Findings with the same sentence are one kind. */
  readonly what: string;
  /** The bytes and facts that led to it. */
  readonly evidence: Readonly<Record<string, unknown>>;
}

export interface Findings {
  add(what: string, evidence: Readonly<Record<string, unknown>>): void;
  /** Counts it when it is a known kind. @returns whether it is one */
  count(what: string): boolean;
  /** The first of every kind. */
  readonly kinds: readonly Finding[];
  /** How often each kind came. */
  readonly counts: ReadonlyMap<string, number>;
}

/** Beyond this a text is cut when printed; the file has all of it. */
const MAX_PRINTED = 800;

/** @param folder where the inputs are saved; null: nowhere */
export function createFindings(folder: string | null, seed: number, print: (text: string) => void): Findings {
  const kinds: Finding[] = [];
  const counts = new Map<string, number>();
  return {
    kinds,
    counts,
    count(what) {
      const before = counts.get(what);
      if (before !== undefined) counts.set(what, before + 1);
      return before !== undefined;
    },
    add(what, evidence) {
      if (this.count(what)) return;
      counts.set(what, 1);
      kinds.push({ what, evidence });
      const text = escaped(evidence);
      if (folder === null) {
        print(`\nFOUND: ${what}\n${text}\n`);
        return;
      }
      mkdirSync(folder, { recursive: true });
      const path = join(folder, `${seed}-${kinds.length}.json`);
      writeFileSync(path, `${JSON.stringify({ what, seed, evidence }, null, 2)}\n`);
      print(`\nFOUND: ${what}\n${text}\nsaved as ${path}\n`);
    },
  };
}

/** Every byte that is not printable ASCII as \xHH, CR and LF as \r and \n. */
function escaped(evidence: Finding['evidence']): string {
  return Object.entries(evidence)
    .map(([name, value]) => `  ${name}: ${typeof value === 'string' ? quote(value) : quoteAll(value)}`)
    .join('\n');
}

const quoteAll = (value: unknown): string =>
  Array.isArray(value) && value.every((item) => typeof item === 'string')
    ? `[${value.map(quote).join(', ')}]`
    : quote(JSON.stringify(value)).slice(1, -1).replaceAll('\\\\', '\\');

/** A hundred times the same few bytes are written once. */
const shortened = (text: string) =>
  text.replace(/([\s\S]{1,40}?)\1{9,}/g, (run, part: string) => `${part}<${run.length / part.length} times>`);

/** A text as a string literal of ASCII, runs written once, cut when long. */
export const quote = (text: string) => quoteShort(shortened(text));

const quoteShort = (text: string) =>
  `'${(text.length > MAX_PRINTED ? `${text.slice(0, MAX_PRINTED)} …` : text)
    .replaceAll('\\', '\\\\')
    .replaceAll("'", "\\'")
    .replaceAll('\r', '\\r')
    .replaceAll('\n', '\\n')
    .replace(/[^\x20-\x7e]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)}'`;
