/** One route of ours as an operation of the document. */
import type { z } from 'zod';
import type { ZodObjectInput, ZodOpenApiOperationObject, ZodOpenApiResponseObject } from 'zod-openapi';
import type {
  AnswerDescription,
  BodyDescription,
  RouteDescription,
} from '../../src/edge/route-description.ts';
import { errorAnswer, errorsOf } from './errors.ts';
import { headersOf, PREFLIGHT, SPECIAL } from './headers.ts';

/** @param hasErrors false for what is answered at the edge, which has none of the usual ones */
export function operationOf(
  method: string,
  route: RouteDescription,
  hasErrors: boolean,
): ZodOpenApiOperationObject {
  const { operationId, tag, summary, description, access, params, query, headers, body, answers } = route;
  const responses = Object.entries(answers).map(([status, answer]) => [
    status,
    answerOf(answer, method === 'HEAD'),
  ]);
  return {
    ...{ operationId, tags: [tag], summary },
    ...(description === undefined ? {} : { description }),
    security: access === 'user' ? [{ bearer: [] }] : [],
    requestParams: {
      ...(params === undefined ? {} : { path: params as ZodObjectInput }),
      ...(query === undefined ? {} : { query: query as ZodObjectInput }),
      ...(headers === undefined ? {} : { header: headers as ZodObjectInput }),
    },
    ...(body === undefined ? {} : { requestBody: bodyOf(body) }),
    responses: { ...Object.fromEntries(responses), ...(hasErrors ? errorsOf(route) : {}) },
  };
}

const bodyOf = ({ schema, isOptional, examples }: BodyDescription) => ({
  required: isOptional !== true,
  content: jsonOf(schema, examples),
});

function answerOf(answer: AnswerDescription, isHead: boolean): ZodOpenApiResponseObject {
  const { description, schema, examples = {}, caching, headers = [] } = answer;
  const special = headers.map((name) => [name, SPECIAL[name]]);
  return {
    description,
    headers: { ...headersOf(caching), ...Object.fromEntries(special) },
    ...(schema === undefined || isHead ? {} : { content: jsonOf(schema, examples) }),
  };
}

const jsonOf = (schema: z.ZodType, examples: Readonly<Record<string, unknown>>) => ({
  'application/json': {
    schema,
    examples: Object.fromEntries(Object.entries(examples).map(([name, value]) => [name, { value }])),
  },
});

/** How browsers ask whether a page may send a request of another method, or with a token. */
export const preflightOf = (methods: readonly string[]): ZodOpenApiOperationObject => ({
  tags: ['CORS'],
  summary: `The preflight for ${methods.join(', ')}`,
  description:
    'With an `Origin` and one of these as `Access-Control-Request-Method`. Any other OPTIONS request is the backend’s.',
  security: [],
  responses: {
    200: { description: 'The Origin is allowed.', headers: PREFLIGHT },
    400: errorAnswer(400, ['disallowed_origin']),
  },
});
