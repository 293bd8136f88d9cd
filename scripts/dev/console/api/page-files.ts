/** The page's files: its own modules, the example client, and the packages that they import, as they are in node_modules. No build, no CDN. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { findPackageJSON, stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';
import { CONSOLE_PATH } from '../guard.ts';
import { Refused } from './call.ts';

const PAGE = join(import.meta.dirname, '../page');
const DOCS = join(import.meta.dirname, '../../../../docs');
const EXAMPLES = join(DOCS, 'examples');
const DESCRIPTION = join(DOCS, 'openapi.json');
/** Those of a page may be in a folder of its own. */
const OWN = /^(?:[a-z-]+\/)?[a-z-]+\.(?:js|css|svg)$/;
const TYPES: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  json: 'application/json',
};

/** @throws Refused when it is not there: packages may have come with a later commit than node_modules */
export function folderOf(name: string): string {
  try {
    return dirname(findPackageJSON(name, import.meta.url) ?? '');
  } catch {
    throw new Refused(503, `The package ${name} is not installed. Run npm ci, then npm run dev again.`);
  }
}

/** By the names that the modules import them by; below the folder of the first, others may be imported relatively. */
const PACKAGES: Readonly<Record<string, readonly [folder: () => string, file: string]>> = {
  preact: [() => folderOf('preact'), 'dist/preact.mjs'],
  'preact/hooks': [() => folderOf('preact'), 'hooks/dist/hooks.mjs'],
  htm: [() => folderOf('htm'), 'dist/htm.module.js'],
  '@tanstack/virtual-core': [() => folderOf('@tanstack/virtual-core'), 'dist/esm/index.js'],
};

const LIBRARY = `${CONSOLE_PATH}/lib/`;
const importMap = JSON.stringify({
  imports: Object.fromEntries(
    Object.entries(PACKAGES).map(([name, [, file]]) => [
      name,
      `${LIBRARY}${name.replace('/hooks', '')}/${file}`,
    ]),
  ),
});

/** Not imported, but asked for by their addresses. */
const LIBRARIES: Readonly<Record<string, () => string>> = {
  'swagger-ui-dist': () => folderOf('swagger-ui-dist'),
};

/** The one inline script is a list of addresses; it is allowed by its digest and nothing else is. */
const mapDigest = createHash('sha256').update(importMap).digest('base64');

/** @param storage the origins that files are sent to and shown from */
export const contentSecurityPolicy = (storage: readonly string[]): string =>
  [
    "default-src 'none'",
    `script-src 'self' 'sha256-${mapDigest}'`,
    "style-src 'self'",
    ["img-src 'self' data:", ...storage].join(' '),
    ['media-src', ...(storage.length === 0 ? ["'none'"] : storage)].join(' '),
    ["connect-src 'self'", ...storage].join(' '),
    "frame-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');

export const PAGE_HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Console · GoGoMarket sidecar</title>
<link rel="icon" href="${CONSOLE_PATH}/app/icon.svg">
<link rel="stylesheet" href="${CONSOLE_PATH}/app/console.css">
<link rel="stylesheet" href="${CONSOLE_PATH}/app/pages.css">
<link rel="stylesheet" href="${CONSOLE_PATH}/app/reviews/reviews.css">
<script type="importmap">${importMap}</script>
<script type="module" src="${CONSOLE_PATH}/app/app.js"></script>
</head>
<body><div id="app"></div></body>
</html>
`;

const SWAGGER = `${LIBRARY}swagger-ui-dist/swagger-ui`;

/** The description of the API as Swagger UI shows it, in a frame: its styles would be everybody's. @throws Refused without the package */
export function swaggerHtml(): string {
  folderOf('swagger-ui-dist');
  return SWAGGER_HTML;
}

const SWAGGER_HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API · GoGoMarket sidecar</title>
<link rel="icon" href="${CONSOLE_PATH}/app/icon.svg">
<link rel="stylesheet" href="${SWAGGER}.css">
<link rel="stylesheet" href="${CONSOLE_PATH}/app/api/swagger.css">
<script defer src="${SWAGGER}-bundle.js"></script>
<script type="module" src="${CONSOLE_PATH}/app/api/swagger.js"></script>
</head>
<body><main id="swagger"></main></body>
</html>
`;

export const SWAGGER_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'self'",
].join('; ');

export interface PageFile {
  readonly type: string;
  readonly content: Buffer;
}

/** @param path below /dev @returns null when there is none */
export function readPageFile(path: string): PageFile | null {
  const own = /^\/app\/(.+)$/.exec(path)?.[1];
  if (own !== undefined) return OWN.test(own) ? read(join(PAGE, own)) : null;
  if (path === '/openapi.json') return read(DESCRIPTION);
  const example = /^\/examples\/(upload[a-z-]*\.ts)$/.exec(path)?.[1];
  if (example !== undefined) return readExample(example);
  const [, name = '', file = ''] =
    /^\/lib\/(@tanstack\/virtual-core|[a-z-]+)\/((?:[\w-]+\/)*[\w.-]+\.(?:m?js|css))$/.exec(path) ?? [];
  const folder = PACKAGES[name]?.[0] ?? LIBRARIES[name];
  return folder === undefined ? null : read(join(folder(), file));
}

function readExample(name: string): PageFile | null {
  const file = read(join(EXAMPLES, name));
  return file && { type: TYPES.js ?? '', content: Buffer.from(withoutTypes(String(file.content))) };
}

/** Node says of it that it is experimental, once: nothing that whoever opens the page should have to read in the terminal. */
function withoutTypes(source: string): string {
  const { emitWarning } = process;
  process.emitWarning = () => undefined;
  try {
    return stripTypeScriptTypes(source);
  } finally {
    process.emitWarning = emitWarning;
  }
}

function read(path: string): PageFile | null {
  const ending = /\.m?(\w+)$/.exec(path)?.[1] ?? '';
  try {
    return { type: TYPES[ending] ?? 'application/octet-stream', content: readFileSync(path) };
  } catch {
    return null;
  }
}
