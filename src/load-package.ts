/**
 * Packages that forwarding does not need are loaded by the first request that does. That may fail, for want of a descriptor
 * say, and the next request must find nothing of it. So by require(), which forgets a failure: import() keeps the error of
 * a module that it could not evaluate until the process ends (ECMA-262, InnerModuleEvaluation), and evaluating is
 * when a CommonJS package reads its files.
 */
import { createRequire, findPackageJSON } from 'node:module';
import { AppError } from './errors.ts';

interface Packages {
  readonly '@aws-sdk/client-s3': typeof import('@aws-sdk/client-s3');
  readonly '@aws-sdk/s3-request-presigner': typeof import('@aws-sdk/s3-request-presigner');
  readonly express: typeof import('express');
  readonly 'file-type': typeof import('file-type');
  readonly 'http-proxy-middleware': typeof import('http-proxy-middleware');
  readonly jsonwebtoken: typeof import('jsonwebtoken');
  readonly knex: typeof import('knex');
  readonly 'knex/lib/dialects/postgres/index.js': typeof import('knex/lib/dialects/postgres/index.js')['default'];
  readonly negotiator: typeof import('negotiator');
  readonly 'pg/lib/client.js': typeof import('pg/lib/client.js')['default'];
  readonly 'prom-client': typeof import('prom-client');
  readonly standardwebhooks: typeof import('standardwebhooks');
}

const require = createRequire(import.meta.url);

/**
 * The package, loaded on the first call that succeeds; costs a look into a table afterwards. Not require()'s own: that was one per
 * cent of a new review, for jsonwebtoken.
 * @throws AppError 503 when it cannot be loaded now
 */
export function loadPackage<Name extends keyof Packages>(name: Name): Packages[Name] {
  const known = loaded[name];
  if (known !== undefined) return known;
  try {
    loadCommonJsBelow(name);
    const exports = require(name) as Packages[Name];
    loaded[name] = exports;
    return exports;
  } catch (error) {
    throw new AppError('busy', { cause: error });
  }
}

const loaded: { -readonly [Name in keyof Packages]?: Packages[Name] } = {};

/** An ES module evaluates the CommonJS packages that it imports, and would keep their failure; so they come first. */
function loadCommonJsBelow(name: string): void {
  const path = findPackageJSON(name, import.meta.url);
  if (path === undefined) return;
  const { type, dependencies = {} } = require(path) as { type?: string; dependencies?: object };
  if (type === 'module') Object.keys(dependencies).forEach(createRequire(path));
}
