/**
 * A file of settings as systemd reads it (EnvironmentFile=, systemd.exec(5); src/basic/env-file.c), and what in it another
 * reader of the same file (a shell, Docker, python-dotenv) would take otherwise. Pure.
 */

export interface Entry {
  readonly name: string;
  readonly value: string;
  /** Counted from 1. */
  readonly line: number;
}

export type FileFault =
  | { readonly kind: 'crlf' | 'bom' | 'export' | 'open-quote' | 'no-assignment'; readonly line: number }
  | { readonly kind: 'backslash' | 'twice'; readonly line: number; readonly name: string };

export interface EnvFile {
  readonly entries: readonly Entry[];
  readonly faults: readonly FileFault[];
}

const NAME = /^[A-Za-z_]\w*$/;
const BOM = '\ufeff';

export function parseEnvFile(given: string): EnvFile {
  const faults: FileFault[] = [];
  const entries: Entry[] = [];
  if (given.startsWith(BOM)) faults.push({ kind: 'bom', line: 1 });
  const crlf = given.split('\n').findIndex((line) => line.endsWith('\r'));
  if (crlf !== -1) faults.push({ kind: 'crlf', line: crlf + 1 });
  const text = given.replaceAll('\r\n', '\n').replaceAll('\r', '\n');
  for (let at = 0, line = 1; at < text.length; ) {
    const end = endOfLine(text, at);
    const first = text.slice(at, end).trimStart();
    if (first === '' || first.startsWith('#') || first.startsWith(';')) {
      at = end + 1;
      line += 1;
      continue;
    }
    const sign = text.indexOf('=', at);
    if (sign === -1 || sign > end) {
      faults.push({ kind: 'no-assignment', line });
      at = end + 1;
      line += 1;
      continue;
    }
    const name = text.slice(at, sign).trim();
    const { value, next, ateBackslash, isOpen } = readValue(text, sign + 1);
    const meant = name.replace(/^export\s+/, '').replace(BOM, '');
    if (ateBackslash) faults.push({ kind: 'backslash', line, name: meant });
    if (isOpen) faults.push({ kind: 'open-quote', line });
    if (meant !== name.replace(BOM, '')) faults.push({ kind: 'export', line });
    else if (!NAME.test(name) && !name.startsWith(BOM)) faults.push({ kind: 'no-assignment', line });
    if (NAME.test(name)) {
      const other = entries.find((entry) => entry.name === name);
      if (other !== undefined && other.value !== value) faults.push({ kind: 'twice', line, name });
      entries.push({ name, value, line });
    }
    line += text.slice(at, next).split('\n').length - 1;
    at = next;
  }
  return { entries, faults };
}

interface Value {
  readonly value: string;
  /** Where the next line begins. */
  readonly next: number;
  /** A backslash outside of quotes is not a part of the value. */
  readonly ateBackslash: boolean;
  /** Its quote is closed on another line, or never. */
  readonly isOpen: boolean;
}

function readValue(text: string, start: number): Value {
  let value = '';
  let at = start;
  let ateBackslash = false;
  let isOpen = false;
  /** Up to which character white space at the end is kept. */
  let kept = 0;
  let isBare = false;
  for (; at < text.length && text[at] !== '\n'; at += 1) {
    const char = text[at] ?? '';
    if (char === '\\') {
      at += 1;
      if (text[at] === '\n') continue;
      value += text[at] ?? '';
      ateBackslash = true;
    } else if (!isBare && (char === '"' || char === "'")) {
      const quoted = readQuoted(text, at + 1, char);
      value += quoted.value;
      // A key has lines of its own.
      isOpen ||= !quoted.isClosed || (quoted.value.includes('\n') && !quoted.value.includes('-----BEGIN '));
      at = quoted.end;
    } else if (/\s/.test(char)) {
      if (value !== '') value += char;
      continue;
    } else {
      value += char;
      isBare = true;
    }
    kept = value.length;
  }
  return { value: value.slice(0, kept), next: at + 1, ateBackslash, isOpen };
}

/** @returns `end`: where the closing quote is */
function readQuoted(text: string, start: number, quote: string) {
  let value = '';
  let at = start;
  for (; at < text.length && text[at] !== quote; at += 1) {
    if (quote === '"' && text[at] === '\\') {
      at += 1;
      if (text[at] === '\n') continue;
      value += /["\\`$]/.test(text[at] ?? '') ? text[at] : `\\${text[at] ?? ''}`;
    } else value += text[at];
  }
  return { value, end: at, isClosed: at < text.length };
}

const endOfLine = (text: string, from: number) => {
  const end = text.indexOf('\n', from);
  return end === -1 ? text.length : end;
};
