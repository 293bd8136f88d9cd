/** The OpenAPI document of our routes, out of what stands beside them. */
import { type CreateDocumentOptions, createDocument, type ZodOpenApiPathItemObject } from 'zod-openapi';
import { HEALTH } from '../../src/edge/description.ts';
import type { RouteDescription, RouteDescriptions, RouteName } from '../../src/edge/route-description.ts';
import type { LocalRoute } from '../../src/edge/route-table.ts';
import { REVIEWS } from '../../src/features/reviews/description/routes.ts';
import { UPLOADS } from '../../src/features/uploads/description/routes.ts';
import { HEADERS } from './headers.ts';
import { INFO, MORE_TAGS, TAGS } from './info.ts';
import { operationOf, preflightOf } from './operation.ts';
import { webhooks } from './webhooks.ts';

/** 3.0 is for generators: without what it has no words for (webhooks), and what no client sends by itself (preflights). */
export type Version = '3.1.0' | '3.0.3';

/** Of every route in the route table. */
export const ROUTES: RouteDescriptions = { ...UPLOADS, ...REVIEWS };

/**
 * @param routes of the route table
 * @throws Error for a route without a description, or a description without a route
 */
export function openApiDocument(routes: readonly LocalRoute[], openapi: Version) {
  const isWhole = openapi === '3.1.0';
  const document = createDocument(
    {
      ...{ openapi, info: INFO, tags: [...TAGS, ...(isWhole ? MORE_TAGS : [])] },
      servers: [{ url: '/', description: 'The same origin as the backend’s routes.' }],
      paths: pathsOf(routes, isWhole),
      ...(isWhole ? { webhooks: webhooks() } : {}),
      components: {
        securitySchemes: {
          bearer: {
            ...{ type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
            description: 'The `access_token` of the backend’s `POST /api/auth/login`.',
          },
        },
      },
    },
    { override: asAnswered },
  );
  finishParameters(document.paths);
  return { ...document, components: { ...document.components, headers: HEADERS } };
}

function pathsOf(routes: readonly LocalRoute[], withPreflights: boolean) {
  const paths: Record<string, ZodOpenApiPathItemObject> = {};
  const add = (name: string, route: RouteDescription, hasErrors: boolean) => {
    const [method = '', pattern = ''] = name.split(' ');
    const path = pattern.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [method.toLowerCase()]: operationOf(method, route, hasErrors) };
  };
  for (const [name, route] of describe(routes)) add(name, route, true);
  if (withPreflights) {
    for (const item of Object.values(paths))
      item.options = preflightOf(Object.keys(item).map((method) => method.toUpperCase()));
  }
  for (const [name, route] of Object.entries(HEALTH)) add(name, route, false);
  return paths;
}

/** In the order of the route table. */
function describe(routes: readonly LocalRoute[]): [RouteName, RouteDescription][] {
  const names = routes.map(({ method, path }) => `${method} ${path}` as RouteName);
  const unknown = Object.keys(ROUTES).find((name) => !names.includes(name as RouteName));
  if (unknown !== undefined) throw new Error(`${unknown} is described, and is no route.`);
  return names.map((name) => {
    const description = ROUTES[name];
    if (description === undefined) throw new Error(`${name} is not described.`);
    return [name, description];
  });
}

/** A parameter has its words itself, its schema would repeat them; one of a query that has no value is left out. */
function finishParameters(paths: ReturnType<typeof createDocument>['paths'] = {}): void {
  for (const { get, head, put, post, patch, delete: remove } of Object.values(paths))
    for (const parameter of [get, head, put, post, patch, remove].flatMap((one) => one?.parameters ?? [])) {
      if (!('schema' in parameter)) continue;
      const { schema } = parameter;
      if (typeof schema === 'object' && 'description' in schema) delete schema.description;
      if (parameter.in === 'query' && !parameter.required) parameter.allowEmptyValue = true;
    }
}

/** Clients ignore fields that they do not know, since there may be more; and limits that are JavaScript's are none of ours. */
const asAnswered: NonNullable<CreateDocumentOptions['override']> = ({ jsonSchema, zodSchema, io }) => {
  const { def } = zodSchema._zod;
  if (io === 'output' && def.type === 'object' && def.catchall === undefined)
    delete jsonSchema.additionalProperties;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  delete jsonSchema.propertyNames;
  if (jsonSchema.format === 'uuid') delete jsonSchema.pattern;
};
