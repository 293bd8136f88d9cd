/** The headers of our answers, as OpenAPI has them. Those that HTTP itself needs (Date, Content-Length, …) are not named. */

const text = { type: 'string' } as const;

/** By their names in `components`. */
export const HEADERS = {
  RequestId: {
    description:
      'The request’s own, if it had a usable one; otherwise a new one. It finds the request in the log.',
    required: true,
    schema: text,
  },
  AllowOrigin: {
    description: 'The request’s Origin, if it is allowed (`CORS_ALLOW_ORIGINS`).',
    schema: text,
  },
  AllowCredentials: { description: 'To an Origin that is allowed.', schema: { ...text, enum: ['true'] } },
  ExposeHeaders: { description: 'To an Origin that is allowed.', schema: text },
  Vary: { description: 'What the answer depends on.', schema: text },
  RetryAfter: {
    description: 'Seconds after which it may be worth trying again.',
    required: true,
    schema: { type: 'integer', minimum: 1 },
  },
  WwwAuthenticate: { required: true, schema: { ...text, enum: ['Bearer'] } },
  ETag: { description: 'For `If-None-Match`.', required: true, schema: text },
  ContentDisposition: { description: 'To be kept as a file.', required: true, schema: text },
  AllowMethods: { required: true, schema: text },
  AllowHeaders: { description: 'Those that were asked for.', schema: text },
  MaxAge: {
    description: 'Seconds for which the answer may be remembered.',
    required: true,
    schema: { type: 'integer' },
  },
} as const;

const refTo = (name: keyof typeof HEADERS) => ({ $ref: `#/components/headers/${name}` });

export const CORS = {
  'Access-Control-Allow-Origin': refTo('AllowOrigin'),
  'Access-Control-Allow-Credentials': refTo('AllowCredentials'),
  Vary: refTo('Vary'),
};

export const REQUEST_ID = { 'X-Request-Id': refTo('RequestId') };

/** Of every answer to a request for one of our routes. */
export const headersOf = (caching: string) => ({
  ...REQUEST_ID,
  'Cache-Control': { required: true, schema: { ...text, enum: [caching] } },
  ...CORS,
});

export const PREFLIGHT = {
  ...REQUEST_ID,
  ...CORS,
  'Access-Control-Allow-Methods': refTo('AllowMethods'),
  'Access-Control-Allow-Headers': refTo('AllowHeaders'),
  'Access-Control-Max-Age': refTo('MaxAge'),
};

export const SPECIAL = {
  ETag: refTo('ETag'),
  'Content-Disposition': refTo('ContentDisposition'),
  'WWW-Authenticate': refTo('WwwAuthenticate'),
};

/** Web pages may read it. */
export const RETRY_AFTER = {
  'Retry-After': refTo('RetryAfter'),
  'Access-Control-Expose-Headers': refTo('ExposeHeaders'),
};
