/**
 * What the API description (docs/openapi.json) says of a route. It stands beside the route, in a file that only scripts and
 * tests load: the process that serves requests does not pay for it (docs/decisions/0031-openapi-from-the-schemas.md).
 */
import { z } from 'zod';
import type { ErrorKey } from '../words/catalogue.ts';
import type { RouteMethod } from './route.ts';

/** As in the route table, e.g. `GET /api/uploads/:id`. */
export type RouteName = `${RouteMethod} /${string}`;

export type RouteDescriptions = Readonly<Record<RouteName, RouteDescription>>;

export interface RouteDescription {
  /** The method of a generated client: camelCase, no word of Dart's. */
  readonly operationId: string;
  readonly tag: 'Uploads' | 'Reviews' | 'Own reviews' | 'Moderation' | 'Health';
  readonly summary: string;
  readonly description?: string;
  /** `public`: a token is not looked at. */
  readonly access: 'public' | 'user';
  /** The schemas that the route checks with, so that what is described is what is checked. */
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly headers?: z.ZodType;
  readonly body?: BodyDescription;
  readonly answers: Readonly<Record<number, AnswerDescription>>;
  /** Beside those that every route has (scripts/openapi/errors.ts). */
  readonly errors?: readonly ErrorKey[];
}

export interface BodyDescription {
  readonly schema: z.ZodType;
  /** What the route checks with, where that is no schema that can be written down. */
  readonly checkedBy?: z.ZodType;
  /** An empty body will do. */
  readonly isOptional?: true;
  readonly examples: Readonly<Record<string, unknown>>;
}

export interface AnswerDescription {
  readonly description: string;
  /** Of its JSON; without one there is no body. */
  readonly schema?: z.ZodType;
  readonly examples?: Readonly<Record<string, unknown>>;
  /** Its Cache-Control. */
  readonly caching: string;
  /** Beside those that every answer has (scripts/openapi/headers.ts). */
  readonly headers?: readonly ('ETag' | 'Content-Disposition')[];
}

/** By their types, e.g. `upload.ready`. */
export type EventDescriptions<Type extends string = string> = Readonly<Record<Type, EventDescription>>;

interface EventDescription {
  readonly summary: string;
  readonly data: z.ZodType;
  readonly example: unknown;
}

/** What the package zod-openapi reads: OpenAPI's own fields, and `override` for what it would make of a schema. */
type Words = z.GlobalMeta;
type Override = NonNullable<Words['override']>;

/**
 * Hangs words on the fields of a schema that checks input, and on itself: on the very objects, no copies of them.
 * @param schema an object, or a transformation of one
 * @throws Error for a field that is not there, or has other words already
 */
export function describeInput<S extends z.ZodType>(
  schema: S,
  fields: Readonly<Record<string, Words>>,
  words: Words = {},
): S {
  const { shape } = objectBelow(schema);
  hang(words, schema, 'A schema');
  for (const [name, wordsOfField] of Object.entries(fields)) {
    const field = shape[name];
    if (field === undefined) throw new Error(`There is no field ${name} to describe.`);
    hang(wordsOfField, field, name);
  }
  return schema;
}

const hung = new WeakMap<z.core.$ZodType, Words>();

/** Two fields may share a schema, and would then share their words. */
function hang(words: Words, schema: z.core.$ZodType, name: string): void {
  if ((hung.get(schema) ?? words) !== words) throw new Error(`${name} is described in two ways.`);
  hung.set(schema, words);
  z.globalRegistry.add(schema, words);
}

function objectBelow(schema: z.ZodType): z.ZodObject {
  if (schema instanceof z.ZodObject) return schema;
  if (schema instanceof z.ZodPipe) return objectBelow(schema.in as z.ZodType);
  throw new Error('Only the fields of an object can be described.');
}

/** ISO 8601, UTC. */
export const time = z.string().meta({ format: 'date-time' });
export const url = z.string().meta({ format: 'uri' });
export const uuid = z.string().meta({ format: 'uuid' });
export const count = z.int().min(0);

const nextCursor = z
  .string()
  .nullable()
  .meta({ description: 'The `cursor` of the next page; null after the last one.' });

/** A page of a list. */
export const pageOf = <Item extends z.ZodType>(items: Item, what: string) =>
  z.object({ items: z.array(items).meta({ description: what }), next_cursor: nextCursor });

/** For a text that is something else: what it may be, and not how it is recognised. */
export const writtenAs = (schema: Readonly<Record<string, unknown>>): { override: Override } => ({
  override: ({ jsonSchema }) => {
    delete jsonSchema.pattern;
    Object.assign(jsonSchema, schema);
  },
});

export const LIMIT: Words = {
  description: 'How many on a page.',
  ...writtenAs({ type: 'integer', minimum: 1, maximum: 200, default: 50 }),
};

export const CURSOR: Words = {
  description: '`next_cursor` of the page before; left out: the first page.',
  ...writtenAs({}),
};
