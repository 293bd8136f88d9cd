/** The PostgreSQL that development and tests run on. */
import assert from 'node:assert/strict';
import { readdir, readlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { preparePostgresProgram } from '../../scripts/lab/postgres-program.ts';

test('a copy of PostgreSQL needs nothing of the clone that made it', async () => {
  const { initdb } = await preparePostgresProgram();
  const libraries = join(dirname(dirname(initdb)), 'lib');
  const entries = await readdir(libraries, { withFileTypes: true });
  const links = entries.filter((entry) => entry.isSymbolicLink());
  assert.ok(links.length > 0);
  for (const { name } of links) assert.doesNotMatch(await readlink(join(libraries, name)), /\//, name);
});
