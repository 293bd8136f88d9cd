/**
 * Is an answer of a sidecar's one that docs/openapi.json describes: its status, every field of its body, its code, every header?
 * What is not described is a mistake, although clients are told to ignore what they do not know. And is a request that was
 * accepted one that may be sent?
 */
import { createRouting } from '../../src/edge/routing.ts';
import { type Answer, createValidator, type Operation, readDocument, resolved } from './openapi-document.ts';

export interface Exchange {
  readonly method: string;
  readonly url: string;
  readonly requestHeaders: Readonly<Record<string, string>>;
  /** What was sent as JSON. */
  readonly json: unknown;
  readonly status: number;
  readonly headers: Headers;
  /** Parsed when it is JSON. */
  readonly body: unknown;
}

const document = readDocument('openapi.json');
const complaintsOfAnswer = createValidator(document, true);
const complaintsOfRequest = createValidator(document, false);
const decide = createRouting(
  Object.entries(document.paths).flatMap(([path, { options: preflight, ...item }]) =>
    Object.entries(item).map(([method, operation]) => ({
      method: method.toUpperCase() as 'GET',
      path: path.replaceAll(/\{(\w+)\}/g, ':$1'),
      ...{ operation, preflight },
    })),
  ),
);

/** HTTP's own, which no description names. */
const UNNAMED = /^(connection|content-length|content-type|date|keep-alive|transfer-encoding)$/;

/** @throws Error that says what docs/openapi.json does not describe */
export function assertDescribed(exchange: Exchange): void {
  const operation = operationFor(exchange);
  if (operation === undefined) return;
  const { method, url, status, body } = exchange;
  const found = [
    ...complaintsAboutAnswer(operation, exchange),
    ...complaintsAboutRequest(operation, exchange),
  ];
  if (found.length === 0) return;
  const { pathname } = new URL(url);
  throw new Error(
    `docs/openapi.json does not describe ${method} ${pathname} → ${status} ${JSON.stringify(body).slice(0, 300)}:\n  ${found.join('\n  ')}`,
  );
}

/** undefined: it was not for a sidecar, or a sidecar has handed it on. */
function operationFor({ method, url, requestHeaders, headers }: Exchange): Operation | undefined {
  // Only a sidecar's answers have it; the tests ask backends as well.
  if (!headers.has('x-request-id')) return undefined;
  const { pathname, search } = new URL(url);
  const target = pathname + search;
  const sent = new Headers(requestHeaders);
  const asked = (sent.has('origin') && sent.get('access-control-request-method')) || undefined;
  const decision = decide(method, target, asked);
  if (decision.kind === 'local') return decision.route.operation;
  if (decision.kind !== 'preflight' || asked === undefined) return undefined;
  const askedAbout = decide(asked, target);
  return askedAbout.kind === 'local' ? askedAbout.route.preflight : undefined;
}

function complaintsAboutAnswer({ responses }: Operation, exchange: Exchange): string[] {
  const described = responses[exchange.status];
  if (described === undefined) return [`the status ${exchange.status}`];
  const answer = resolved(document, described);
  return [...complaintsAboutHeaders(answer, exchange.headers), ...complaintsAboutBody(answer, exchange)];
}

function complaintsAboutBody(answer: Answer, { method, headers, body }: Exchange): string[] {
  if (method === 'HEAD' || answer.content === undefined)
    return body === '' ? [] : ['the body: there should be none'];
  if (!headers.get('content-type')?.startsWith('application/json')) return ['the body: it should be JSON'];
  const complaints = complaintsOfAnswer(answer.content['application/json'].schema, body).map(
    (one) => `the body: ${one}`,
  );
  const codes = answer['x-codes'];
  const code = typeof body === 'object' && body !== null && 'code' in body ? String(body.code) : '';
  return codes === undefined || codes.includes(code) ? complaints : [...complaints, `the code ${code}`];
}

function complaintsAboutHeaders({ headers: described = {} }: Answer, headers: Headers): string[] {
  const names = new Map(Object.entries(described).map(([name, header]) => [name.toLowerCase(), header]));
  const unknown = [...headers.keys()].filter((name) => !names.has(name) && !UNNAMED.test(name));
  const wrong = [...names].flatMap(([name, header]) => {
    const { required, schema } = resolved(document, header);
    const value = headers.get(name);
    if (value === null) return required ? [`the header ${name}: it is missing`] : [];
    return complaintsOfAnswer(schema, typedAs(schema.type, value)).map((one) => `the header ${name}: ${one}`);
  });
  return [...unknown.map((name) => `the header ${name}`), ...wrong];
}

/** Of those that were accepted. Fields and parameters that nobody knows are ignored. */
function complaintsAboutRequest({ parameters = [], requestBody }: Operation, exchange: Exchange): string[] {
  const { url, status, json } = exchange;
  if (status !== 200) return [];
  const query = new URL(url).searchParams;
  const wrong = parameters
    .filter((parameter) => parameter.in === 'query')
    .flatMap(({ name, required, allowEmptyValue, schema }) => {
      const value = query.get(name);
      if (value === '' && allowEmptyValue) return [];
      if (value === null) return required ? [`a request without ${name}`] : [];
      return complaintsOfRequest(schema, typedAs(schema.type, value)).map(
        (one) => `a request whose ${name} ${one}`,
      );
    });
  if (requestBody === undefined || json === undefined) return wrong;
  const { schema } = requestBody.content['application/json'];
  return [
    ...wrong,
    ...complaintsOfRequest(schema, trimmed(json)).map((one) => `a request whose body: ${one}`),
  ];
}

const typedAs = (type: unknown, value: string) => (type === 'integer' ? Number(value) : value);

/** Limits of texts count after trimming. */
function trimmed(json: unknown): unknown {
  if (typeof json === 'string') return json.trim();
  if (Array.isArray(json)) return json.map(trimmed);
  if (typeof json !== 'object' || json === null) return json;
  return Object.fromEntries(Object.entries(json).map(([name, value]) => [name, trimmed(value)]));
}
