/**
 * Cross-origin requests, as S3 has them: the first rule of the bucket that allows the origin, the method and every header
 * decides; without one a preflight is refused, and other answers say nothing
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html).
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { malformedXml, S3Error } from './s3-error.ts';
import { contentsOf, document, element, rootContent, textsOf } from './xml.ts';

export interface CorsRule {
  readonly id: string | null;
  /** With at most one `*` each. */
  readonly origins: readonly string[];
  readonly methods: readonly string[];
  /** With at most one `*` each. */
  readonly headers: readonly string[];
  readonly exposed: readonly string[];
  readonly maxAgeSeconds: number | null;
}

const METHODS = new Set(['GET', 'PUT', 'POST', 'DELETE', 'HEAD']);
const MAX_RULES = 100;

/** Browsers of any origin may upload and read, and see the ETag: what development starts with. */
export const OPEN_RULE: CorsRule = {
  id: null,
  origins: ['*'],
  methods: ['GET', 'HEAD', 'PUT'],
  headers: ['*'],
  exposed: ['ETag', 'Accept-Ranges', 'Content-Length', 'Content-Range'],
  maxAgeSeconds: 600,
};

/** @throws S3Error 400 */
export function parseCorsRules(xml: string): CorsRule[] {
  const rules = contentsOf(rootContent(xml, 'CORSConfiguration'), 'CORSRule').map((rule) => ({
    id: textsOf(rule, 'ID')[0] ?? null,
    origins: textsOf(rule, 'AllowedOrigin'),
    methods: textsOf(rule, 'AllowedMethod'),
    headers: textsOf(rule, 'AllowedHeader'),
    exposed: textsOf(rule, 'ExposeHeader'),
    maxAgeSeconds: textsOf(rule, 'MaxAgeSeconds').map(Number)[0] ?? null,
  }));
  const isWrong = ({ origins, methods, headers, exposed, maxAgeSeconds }: CorsRule) =>
    origins.length === 0 ||
    methods.length === 0 ||
    !methods.every((method) => METHODS.has(method)) ||
    [...origins, ...headers].some((pattern) => pattern.split('*').length > 2) ||
    exposed.some((name) => name.includes('*')) ||
    (maxAgeSeconds !== null && !Number.isInteger(maxAgeSeconds));
  if (rules.length === 0 || rules.length > MAX_RULES || rules.some(isWrong)) throw malformedXml();
  return rules;
}

export const corsXml = (rules: readonly CorsRule[]) =>
  document(
    'CORSConfiguration',
    rules
      .map(({ id, origins, methods, headers, exposed, maxAgeSeconds }) =>
        [
          '<CORSRule>',
          id === null ? '' : element('ID', id),
          element('AllowedOrigin', ...origins),
          element('AllowedMethod', ...methods),
          element('AllowedHeader', ...headers),
          element('ExposeHeader', ...exposed),
          maxAgeSeconds === null ? '' : element('MaxAgeSeconds', maxAgeSeconds),
          '</CORSRule>',
        ].join(''),
      )
      .join(''),
  );

/** Fields of an answer to a request of a web page. */
export function applyCors(rules: readonly CorsRule[], req: IncomingMessage, res: ServerResponse): void {
  const { origin } = req.headers;
  if (origin === undefined) return;
  const rule = rules.find((each) => allows(each, origin, req.method ?? '', []));
  if (rule !== undefined) setFields(res, rule, origin);
}

/** @throws S3Error 400, 403 */
export function answerPreflight(rules: readonly CorsRule[], req: IncomingMessage, res: ServerResponse): void {
  const { origin } = req.headers;
  const method = req.headers['access-control-request-method'];
  if (origin === undefined || method === undefined)
    throw new S3Error(400, 'BadRequest', 'Insufficient information. Origin and method are needed.');
  const headers = (req.headers['access-control-request-headers'] ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
  const rule = rules.find((each) => allows(each, origin, method, headers));
  if (rule === undefined)
    throw new S3Error(403, 'AccessForbidden', 'CORSResponse: This CORS request is not allowed.');
  setFields(res, rule, origin);
  if (headers.length > 0) res.setHeader('Access-Control-Allow-Headers', headers.join(', '));
  if (rule.maxAgeSeconds !== null) res.setHeader('Access-Control-Max-Age', rule.maxAgeSeconds);
  res.writeHead(200, { 'Content-Length': 0 }).end();
}

function setFields(res: ServerResponse, { origins, methods, exposed }: CorsRule, origin: string): void {
  const isForAll = origins.includes('*');
  res.setHeader('Access-Control-Allow-Origin', isForAll ? '*' : origin);
  if (!isForAll) res.setHeader('Access-Control-Allow-Credentials', 'true');
  res.setHeader('Access-Control-Allow-Methods', methods.join(', '));
  if (exposed.length > 0) res.setHeader('Access-Control-Expose-Headers', exposed.join(', '));
  res.setHeader('Vary', 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method');
}

const allows = (rule: CorsRule, origin: string, method: string, headers: readonly string[]) =>
  rule.origins.some((pattern) => matches(pattern, origin)) &&
  rule.methods.includes(method) &&
  headers.every((name) => rule.headers.some((pattern) => matches(pattern.toLowerCase(), name)));

function matches(pattern: string, text: string): boolean {
  const [start = '', end] = pattern.split('*');
  if (end === undefined) return pattern === text;
  return text.length >= start.length + end.length && text.startsWith(start) && text.endsWith(end);
}
