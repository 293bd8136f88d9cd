/** The commands of a page (docs/operations.md, docs/ru/oncall.md) as they stand there, so that a test runs what would be pasted. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const PROJECT = resolve(import.meta.dirname, '../..');
/** What a span of code in a sentence begins with when it is a command. */
const PROGRAMS =
  /^(cd|sudo|curl|systemctl|journalctl|sidecar|npm|node|ss|psql|pg_dump|pg_restore|openssl|git|timedatectl|scripts\/\S+|[A-Z_]+=\S+ \S*scripts\/\S+) /;

/** Every command of a page, without comments: a line each, continued lines and functions in one piece. */
export function commandsOf(page: string): string[] {
  const text = readFileSync(join(PROJECT, page), 'utf8');
  const fence = /^( *)```(\w*)\n([\s\S]*?)^ *```$/gm;
  const blocks = [...text.matchAll(fence)].filter(([, , language]) => language === 'sh');
  const spans = [...text.replaceAll(fence, '').matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
  // In a table a pipe is written with a backslash.
  const commands = spans.filter((span) => PROGRAMS.test(span)).map((span) => span.replaceAll('\\|', '|'));
  return [
    ...blocks.flatMap(([, indent = '', , block = '']) => commandsIn(block.replaceAll(`\n${indent}`, '\n'))),
    ...commands,
  ];
}

function commandsIn(block: string): string[] {
  const whole = block
    .replaceAll(/(^|\s{2,}|^ *)# .*$/gm, '')
    .replaceAll(/\s*\\\n\s*/g, ' ')
    .replaceAll(/\{\n[\s\S]*?^\}/gm, (body) => body.replaceAll(/\s*\n\s*/g, '\0'));
  return whole
    .split('\n')
    .map((line) => line.replaceAll('\0', '\n').trim())
    .filter(Boolean);
}

/** The one command of docs/operations.md that begins so. @throws AssertionError when there is none, or several */
export function documented(start: string): string {
  const found = [...new Set(commandsOf('docs/operations.md'))].filter((command) => command.startsWith(start));
  assert.equal(found.length, 1, `docs/operations.md has ${found.length} commands that begin with "${start}"`);
  return found[0] ?? '';
}
