/** docs/errors.md has exactly the codes, statuses and parameters of the catalogue. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ERRORS } from '../../src/words/catalogue.ts';
import { RULES } from '../../src/words/problems.ts';

const [codes = '', rules = ''] = readFileSync(join(import.meta.dirname, '../../docs/errors.md'), 'utf8')
  .split(/^## /m)
  .slice(1);

/** The rows of a table, cell by cell, without the head. */
const rowsOf = (section: string) =>
  [...section.matchAll(/^\| (.+) \|$/gm)].slice(1).map(([, row = '']) => row.split(' | '));
const namesIn = (cell: string | undefined) => [...(cell ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name);

test('every code is documented with its status and its parameters, and no other', () => {
  const wanted = new Map<string, Set<string>>();
  for (const { status, code, params } of Object.values(ERRORS)) {
    const names = wanted.get(`${code} ${status}`) ?? new Set();
    // What a rule has of its own is in the other table.
    for (const name of 'rule' in params ? ['field', 'rule'] : Object.keys(params)) names.add(name);
    wanted.set(`${code} ${status}`, names);
  }
  const documented = rowsOf(codes).map(([code, status, , params]) => [
    `${namesIn(code)[0]} ${status}`,
    namesIn(params).sort(),
  ]);
  assert.deepEqual(documented.sort(), [...wanted].map(([code, names]) => [code, [...names].sort()]).sort());
});

test('every rule is documented with its parameters, in the order of the list', () => {
  const documented = rowsOf(rules).map(([rule, params]) => [namesIn(rule)[0], namesIn(params)]);
  assert.deepEqual(
    documented,
    Object.entries(RULES).map(([rule, params]) => [rule, Object.keys(params)]),
  );
});
