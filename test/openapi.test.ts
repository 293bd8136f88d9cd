/** docs/openapi.json and docs/openapi-3.0.json: current, complete, valid, and true of their own examples. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { makeScratchFolder } from '../scripts/lab/scratch-folder.ts';
import { runNode } from '../scripts/lab/sidecar.ts';
import { ROUTES } from '../scripts/openapi/document.ts';
import { DOCS, documentFiles } from '../scripts/openapi/files.ts';
import { ourRoutes } from '../scripts/openapi/routes.ts';
import { HEALTH_PATHS } from '../src/edge/routing.ts';
import { createValidator, type OpenApi, readDocument, resolved } from './support/openapi-document.ts';

const PROJECT = resolve(import.meta.dirname, '..');
const document = readDocument('openapi.json');
const forGenerators = readDocument('openapi-3.0.json');

const operationsOf = ({ paths }: OpenApi) =>
  Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      method,
      path,
      name: `${method} ${path}`,
      operation,
    })),
  );

test('both files are what npm run openapi writes', () => {
  for (const { name, isCurrent } of documentFiles(ourRoutes(), DOCS))
    assert.ok(isCurrent(), `docs/${name} is not current: npm run openapi`);
});

test('every route of the table and every health check is described, and nothing else', () => {
  const routes = ourRoutes().map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
  const health = [...HEALTH_PATHS].flatMap((path) => [`GET ${path}`, `HEAD ${path}`]);
  const preflights = new Set(routes.map((route) => `OPTIONS ${route.split(' ')[1]}`));
  const namesOf = (from: OpenApi) =>
    operationsOf(from)
      .map(({ method, path }) => `${method.toUpperCase()} ${path}`)
      .toSorted();
  assert.deepEqual(namesOf(document), [...routes, ...health, ...preflights].toSorted());
  assert.deepEqual(namesOf(forGenerators), [...routes, ...health].toSorted());
});

for (const [name, version] of [
  ['openapi.json', '3.1'],
  ['openapi-3.0.json', '3.0'],
] as const) {
  test(`docs/${name} is valid by the official schema of OpenAPI ${version}`, async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(structuredClone(readDocument(name)) as never);
    assert.ok(valid, JSON.stringify(errors, null, 2));
    assert.equal(validator.version, version);
  });
}

test('docs/openapi-3.0.json has no null types and no type arrays', () => {
  const found: string[] = [];
  JSON.stringify(forGenerators, (key, value) => {
    if (key === 'type' && (value === 'null' || Array.isArray(value))) found.push(JSON.stringify(value));
    if (key === 'const' || key === 'webhooks') found.push(key);
    return value;
  });
  assert.deepEqual(found, []);
});

test('operations have names that Dart can have', () => {
  const names = operationsOf(forGenerators).map(({ operation }) => operation.operationId ?? '');
  for (const name of names) assert.match(name, /^[a-z][A-Za-z]+[a-z]$/);
  assert.deepEqual(
    names.filter((name, i) => names.indexOf(name) !== i),
    [],
  );
});

test('what the examples send is accepted by what checks it', () => {
  for (const [name, { body }] of Object.entries(ROUTES)) {
    if (body === undefined) continue;
    assert.notDeepEqual(body.examples, {}, `${name} has no example`);
    for (const [title, example] of Object.entries(body.examples)) {
      const { error } = (body.checkedBy ?? body.schema).safeParse(example);
      assert.equal(error, undefined, `${name}: ${title}`);
    }
  }
});

test('what the examples answer is as described, to the last field', () => {
  const complaintsAbout = createValidator(document, true);
  for (const { name, operation } of operationsOf(document)) {
    for (const [status, found] of Object.entries(operation.responses)) {
      const { content } = resolved(document, found);
      if (content === undefined) continue;
      const { schema, examples = {} } = content['application/json'];
      assert.notDeepEqual(examples, {}, `${name} ${status} has no example`);
      for (const { value } of Object.values(examples))
        assert.deepEqual(complaintsAbout(schema, value), [], `${name} ${status}`);
    }
  }
});

test('what the examples send to the webhook is as described, to the last field', () => {
  const complaintsAbout = createValidator(document, true);
  for (const [type, { post }] of Object.entries(document.webhooks)) {
    const { schema, examples = {} } = post.requestBody?.content['application/json'] ?? { schema: {} };
    assert.deepEqual(
      Object.values(examples).map(({ value }) => complaintsAbout(schema, value)),
      [[]],
      type,
    );
  }
});

/** What a file loads, and what that loads; what only its types need is not loaded. */
function loadedBy(path: string, known = new Set<string>()): Set<string> {
  if (known.has(path)) return known;
  known.add(path);
  const source = readFileSync(path, 'utf8');
  for (const [, typeOnly, target = ''] of source.matchAll(
    /^(?:import|export) (type )?(?:[^;]*? from )?'([^']+)';$|import\('([^']+)'\)/gm,
  )) {
    if (typeOnly !== undefined) continue;
    if (!target.startsWith('.')) known.add(target);
    else loadedBy(resolve(dirname(path), target), known);
  }
  return known;
}

test('the process that serves requests loads none of the descriptions', () => {
  const loaded = [...loadedBy(resolve(PROJECT, 'src/run.ts'))];
  assert.ok(loaded.some((path) => path.endsWith('/reviews/list/routes.ts')));
  assert.deepEqual(
    loaded.filter((path) => /description|zod-openapi/.test(path)),
    [],
  );
});

test('npm run openapi writes the files, and --check says whether they are current', async () => {
  const folder = makeScratchFolder('openapi');
  const openapi = (...args: string[]) =>
    runNode(resolve(PROJECT, 'scripts/openapi.ts'), ['--folder', folder.path, ...args], {});
  try {
    const [before, wrong] = await Promise.all([openapi('--check'), openapi('--wrong')]);
    assert.equal(wrong.status, 2);
    assert.match(wrong.stderr, /\nUsage: npm run openapi/);
    assert.equal(before.status, 1);
    assert.match(before.stderr, /openapi\.json is not current.*\n.*openapi-3\.0\.json is not current/);
    assert.equal(existsSync(folder.at('openapi.json')), false);
    assert.equal((await openapi()).status, 0);
    assert.equal((await openapi('--check')).status, 0);
    assert.equal(readFileSync(folder.at('openapi.json'), 'utf8').at(-1), '\n');
  } finally {
    folder.remove();
  }
});
