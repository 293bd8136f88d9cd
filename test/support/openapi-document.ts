/** docs/openapi.json, read as a program would read it. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
}
export interface Parameter {
  readonly in: 'path' | 'query' | 'header';
  readonly name: string;
  readonly required?: boolean;
  readonly allowEmptyValue?: boolean;
  readonly schema: Schema;
}
export interface Content {
  readonly 'application/json': {
    readonly schema: Schema;
    readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
  };
}
export interface Answer {
  readonly description: string;
  readonly headers?: Readonly<Record<string, { readonly required?: boolean; readonly schema: Schema }>>;
  readonly content?: Content;
  /** Every code that an error of this status may have. */
  readonly 'x-codes'?: readonly string[];
}
export interface Operation {
  readonly operationId?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required: boolean; readonly content: Content };
  readonly responses: Readonly<Record<string, Answer>>;
}
export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly webhooks: Readonly<Record<string, { readonly post: Operation }>>;
}

/** @param name of the file in docs/ */
export const readDocument = (name: string): OpenApi =>
  JSON.parse(readFileSync(resolve(import.meta.dirname, '../../docs', name), 'utf8'));

/** What is wrong with a value; empty: nothing. */
export type Complaints = (schema: Schema, value: unknown) => string[];

/** @param isClosed whether a field that no schema names is a mistake */
export function createValidator(document: OpenApi, isClosed: boolean): Complaints {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats.default(ajv);
  const root = isClosed ? close(document) : document;
  const compiled = new Map<string, ValidateFunction>();
  return (schema, value) => {
    const key = JSON.stringify(schema);
    // `components` beside it, so that its references lead somewhere.
    const validate =
      compiled.get(key) ?? ajv.compile({ ...(isClosed ? close(schema) : schema), ...componentsOf(root) });
    compiled.set(key, validate);
    validate(value);
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath || 'it'} ${message} ${JSON.stringify(params)}`,
    );
  };
}

const componentsOf = (document: OpenApi) => ({
  components: (document as { components?: object }).components,
});

function close<T>(part: T): T {
  if (Array.isArray(part)) return part.map(close) as T;
  if (typeof part !== 'object' || part === null) return part;
  const closed = Object.fromEntries(Object.entries(part).map(([name, value]) => [name, close(value)]));
  return (
    'properties' in closed && !('additionalProperties' in closed)
      ? { ...closed, additionalProperties: false }
      : closed
  ) as T;
}

/** What a reference stands for; anything else is itself. */
export function resolved<T extends object>(document: OpenApi, part: T): T {
  if (!('$ref' in part)) return part;
  const names = String(part.$ref).replace('#/', '').split('/');
  return names.reduce(
    (found, name) => (found as Record<string, object>)[name] ?? {},
    document as object,
  ) as T;
}
