/**
 * Every setting as one table: its name, what its text may be, its default. What they mean: docs/configuration.md.
 */
import { z } from 'zod';
import { readBlockedWords } from './blocked-words.ts';
import { parseDatabaseUrl } from './database-url.ts';
import {
  boolean,
  booleanOrAuto,
  integer,
  parseBackendUrl,
  parseBindHost,
  parseCacheControl,
  parsedBy,
  parseHttpUrl,
  parseOrigins,
  parseTrustedProxies,
  parseWebhookSecret,
  parseWebhookUrl,
  required,
  word,
} from './values.ts';

export const TOKEN_ALGORITHMS = [
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'ES256',
  'ES384',
  'ES512',
] as const;
/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl */
const CANNED_ACLS = [
  'private',
  'public-read',
  'public-read-write',
  'authenticated-read',
  'aws-exec-read',
  'bucket-owner-read',
  'bucket-owner-full-control',
] as const;
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
/** Whether a review is shown before a moderator has seen it (`post`), or afterwards (`pre`). */
export const MODERATIONS = ['post', 'pre'] as const;
export type Moderation = (typeof MODERATIONS)[number];
/** Of errors and policies. */
export const LANGUAGES = ['en', 'ru', 'uz'] as const;
export type Language = (typeof LANGUAGES)[number];
export type TokenAlgorithm = (typeof TOKEN_ALGORITHMS)[number];
export type LogLevel = (typeof LOG_LEVELS)[number];

export const isSharedSecret = (algorithm: TokenAlgorithm) => algorithm.startsWith('HS');

export const settings = z.object({
  HOST: parsedBy(parseBindHost).default('127.0.0.1'),
  PORT: integer(0, 65535).default(8010),
  BACKEND_URL: parsedBy(parseBackendUrl).default({ kind: 'tcp', host: '127.0.0.1', port: 8000 }),
  BACKEND_HEADERS_TIMEOUT_MS: integer(1, 3_600_000).default(60_000),
  BACKEND_BODY_TIMEOUT_MS: integer(1, 86_400_000).default(300_000),
  TRUSTED_PROXIES: parsedBy(parseTrustedProxies).default(['loopback']),
  JWT_SECRET: required,
  JWT_ALG: z
    .enum(TOKEN_ALGORITHMS, { error: `must be one of ${TOKEN_ALGORITHMS.join(', ')}` })
    .default('HS256'),
  DATABASE_URL: parsedBy((url) => parseDatabaseUrl(url)),
  DATABASE_POOL_MAX: integer(1, 100).default(10),
  MIGRATE_ON_START: boolean.default(true),
  S3_ENDPOINT: parsedBy(parseHttpUrl).optional(),
  S3_REGION: z
    .string()
    .regex(/^[A-Za-z0-9-]{1,63}$/, 'must be a region name, e.g. fra1')
    .optional(),
  S3_BUCKET: z
    .string()
    .regex(
      /^(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
      'must be a bucket name (3 to 63 of a-z, 0-9, dot, hyphen)',
    )
    .optional(),
  S3_ACCESS_KEY_ID: word.optional(),
  S3_SECRET_ACCESS_KEY: word.optional(),
  S3_PUBLIC_BASE_URL: parsedBy(parseHttpUrl).optional(),
  S3_UPLOAD_ACL: z.enum(CANNED_ACLS, { error: `must be one of ${CANNED_ACLS.join(', ')}` }).optional(),
  S3_UPLOAD_CACHE_CONTROL: parsedBy(parseCacheControl).optional(),
  S3_UPLOAD_ONCE: boolean.default(false),
  S3_FORCE_PATH_STYLE: booleanOrAuto.default('auto'),
  UPLOAD_URL_TTL_SECONDS: integer(1, 604_800).default(900),
  UPLOAD_MAX_VIDEO_MB: integer(1, 5_000).default(50),
  UPLOAD_MAX_IMAGE_MB: integer(1, 5_000).default(10),
  UPLOAD_MAX_MULTIPART_MB: integer(1, 5_242_880).default(5120),
  UPLOAD_MULTIPART_TTL_SECONDS: integer(1, 604_800).default(86_400),
  UPLOAD_RATE_PER_MINUTE: integer(0, 1_000_000).default(30),
  UPLOAD_QUOTA_MB_PER_USER: integer(0, 1_000_000).default(0),
  REVIEWS_REQUIRE_PURCHASE: boolean.default(false),
  REVIEWS_MODERATION: z
    .enum(MODERATIONS, { error: `must be one of ${MODERATIONS.join(', ')}` })
    .default('post'),
  REVIEWS_HOLD_AFTER_REPORTS: integer(0, 1_000_000).default(0),
  REVIEWS_BLOCKED_WORDS_FILE: parsedBy(readBlockedWords).default([]),
  REVIEWS_WRITES_PER_MINUTE: integer(0, 1_000_000).default(10),
  REVIEWS_VOTES_PER_MINUTE: integer(0, 1_000_000).default(60),
  EVENTS_WEBHOOK_URL: parsedBy(parseWebhookUrl).optional(),
  EVENTS_WEBHOOK_SECRET: parsedBy(parseWebhookSecret).optional(),
  DETAIL_LANGUAGE: z
    .string()
    .transform((language) => language.toLowerCase())
    .pipe(z.enum(LANGUAGES, { error: `must be one of ${LANGUAGES.join(', ')}` }))
    .default('en'),
  CORS_ALLOW_ORIGINS: parsedBy(parseOrigins).default('*'),
  WEB_CONCURRENCY: integer(1, 64).default(1),
  MAX_IN_FLIGHT: integer(1, 1_000_000).default(1000),
  MAX_CONNECTIONS: integer(1, 1_000_000).default(10_000),
  CLIENT_BODY_TIMEOUT_MS: integer(1, 86_400_000).default(60_000),
  MAX_EVENT_LOOP_DELAY_MS: integer(0, 60_000).default(200),
  SHUTDOWN_GRACE_MS: integer(0, 600_000).default(10_000),
  // A shared file may spell it as Python does: INFO, WARNING.
  LOG_LEVEL: z
    .string()
    .transform((level) =>
      level
        .toLowerCase()
        .replace(/^warning$/, 'warn')
        .replace(/^critical$/, 'fatal'),
    )
    .pipe(z.enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(', ')}` }))
    .default('info'),
  METRICS_PORT: integer(0, 65535).optional(),
});

export type Settings = z.infer<typeof settings>;

/** Every name that parseConfig reads, for the documentation test. */
export const SETTING_NAMES = Object.keys(settings.shape) as readonly (keyof Settings)[];
