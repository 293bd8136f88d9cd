/**
 * The environment as one frozen value. Pure: reads the given record only, touches no file and no network, so that
 * `--check-config` and the tests see exactly what a start would see. Every problem is reported at once, none with a
 * value in it: a value may be a secret.
 */
import { z } from 'zod';
import { combinationProblems, isSharedSecret, pem } from './config-checks.ts';
import {
  boolean,
  booleanOrAuto,
  integer,
  parseBackendUrl,
  parseBindHost,
  parsedBy,
  parseHttpUrl,
  parseOrigins,
  parseTrustedProxies,
  parseWebhookSecret,
  parseWebhookUrl,
  required,
  textProblem,
  word,
} from './config-values.ts';
import type { BackendAddress } from './forward/backend-client.ts';
import { type DatabaseTarget, parseDatabaseUrl } from './infra/database-url.ts';

const MIB = 1024 * 1024;

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
export type TokenAlgorithm = (typeof TOKEN_ALGORITHMS)[number];
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface StorageConfig {
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Base of the URLs that clients read files from; without a trailing slash. */
  readonly publicBaseUrl: string;
  /** Canned ACL that is signed into every upload and returned in `headers`; null: none. */
  readonly uploadAcl: string | null;
  readonly forcePathStyle: boolean;
}

export interface Config {
  readonly host: string;
  readonly port: number;
  readonly backend: BackendAddress;
  readonly backendHeadersTimeoutMs: number;
  readonly backendBodyTimeoutMs: number;
  /** CIDR ranges or the word `loopback`: peers whose X-Forwarded-* headers are believed. */
  readonly trustedProxies: readonly string[];
  readonly token: { readonly secret: string; readonly algorithm: TokenAlgorithm };
  readonly database: DatabaseTarget;
  readonly databasePoolMax: number;
  readonly migrateOnStart: boolean;
  /** null: uploads answer 501. */
  readonly storage: StorageConfig | null;
  readonly uploads: {
    readonly maxVideoBytes: number;
    readonly maxImageBytes: number;
    readonly urlTtlSeconds: number;
  };
  /** null: no events are written or sent. */
  readonly webhook: { readonly url: string; readonly secret: string } | null;
  /** `*` or exact origins. */
  readonly corsAllowOrigins: '*' | readonly string[];
  readonly workers: number;
  readonly maxInFlight: number;
  readonly maxConnections: number;
  /** Longest silence of a client within a request body. */
  readonly clientBodyTimeoutMs: number;
  /** Above this lateness of the event loop requests are refused with 503; 0: never. */
  readonly maxEventLoopDelayMs: number;
  readonly shutdownGraceMs: number;
  readonly logLevel: LogLevel;
  readonly metricsPort: number | null;
}

/** Thrown by parseConfig; `problems` holds one sentence per problem, safe to print. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      `The configuration has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n- ${problems.join('\n- ')}`,
    );
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads and checks the settings. An empty value counts as unset (systemd's EnvironmentFile cannot unset a name).
 * @throws ConfigError with every problem
 */
export function parseConfig(env: Environment): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => isGiven(value)));
  const { values, problems } = readEach(given, SETTING_NAMES);
  problems.unshift(...nameProblems(given));
  problems.push(...combinationProblems(values, new Set(Object.keys(given))));
  if (problems.length > 0) throw new ConfigError(problems);
  return toConfig(values as Settings);
}

/**
 * Reads one setting alone, for commands that need no other.
 * @throws ConfigError
 */
export function parseSetting<Name extends keyof Settings>(env: Environment, name: Name): Settings[Name] {
  const given = isGiven(env[name]) ? { [name]: env[name] } : {};
  const { values, problems } = readEach(given, [name]);
  if (problems.length > 0) throw new ConfigError(problems);
  return values[name] as Settings[Name];
}

const isGiven = (value: string | undefined) => value !== undefined && value.trim() !== '';

/** Setting by setting, so that one that cannot be read does not hide what is wrong with the others. */
function readEach(
  given: Environment,
  names: readonly (keyof Settings)[],
): { values: Partial<Settings>; problems: string[] } {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const name of names) {
    const text = given[name];
    const wrong = text === undefined ? null : textProblem(text, KNOWN);
    const result = settings.shape[name].safeParse(text);
    if (wrong !== null) problems.push(`${name} ${wrong}`);
    else if (result.success) values[name] = result.data;
    else problems.push(`${name} ${result.error.issues[0]?.message ?? 'is not valid'}`);
  }
  return { values, problems };
}

/** `export PORT`, or a byte order mark before the first name of a file: such a setting would silently be its default. */
function nameProblems(given: Environment): string[] {
  return Object.keys(given).flatMap((name) => {
    const meant = name.replace(/^\s*export\s/, '').replace(/[\s\p{Cc}\p{Cf}]/gu, '');
    if (meant === name || !KNOWN.has(meant)) return [];
    return [
      `${meant} is written with something before or behind its name: "export", or an invisible character`,
    ];
  });
}

function toConfig(s: Settings): Config {
  return deepFreeze({
    host: s.HOST,
    port: s.PORT,
    backend: s.BACKEND_URL,
    backendHeadersTimeoutMs: s.BACKEND_HEADERS_TIMEOUT_MS,
    backendBodyTimeoutMs: s.BACKEND_BODY_TIMEOUT_MS,
    trustedProxies: s.TRUSTED_PROXIES,
    token: { secret: isSharedSecret(s.JWT_ALG) ? s.JWT_SECRET : pem(s.JWT_SECRET), algorithm: s.JWT_ALG },
    database: s.DATABASE_URL,
    databasePoolMax: s.DATABASE_POOL_MAX,
    migrateOnStart: s.MIGRATE_ON_START,
    storage: storageFrom(s),
    uploads: {
      maxVideoBytes: s.UPLOAD_MAX_VIDEO_MB * MIB,
      maxImageBytes: s.UPLOAD_MAX_IMAGE_MB * MIB,
      urlTtlSeconds: s.UPLOAD_URL_TTL_SECONDS,
    },
    webhook: webhookFrom(s),
    corsAllowOrigins: s.CORS_ALLOW_ORIGINS,
    workers: s.WEB_CONCURRENCY,
    maxInFlight: s.MAX_IN_FLIGHT,
    maxConnections: s.MAX_CONNECTIONS,
    clientBodyTimeoutMs: s.CLIENT_BODY_TIMEOUT_MS,
    maxEventLoopDelayMs: s.MAX_EVENT_LOOP_DELAY_MS,
    shutdownGraceMs: s.SHUTDOWN_GRACE_MS,
    logLevel: s.LOG_LEVEL,
    metricsPort: s.METRICS_PORT ?? null,
  });
}

const settings = z.object({
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
  S3_FORCE_PATH_STYLE: booleanOrAuto.default('auto'),
  UPLOAD_URL_TTL_SECONDS: integer(1, 604_800).default(900),
  UPLOAD_MAX_VIDEO_MB: integer(1, 5_000).default(50),
  UPLOAD_MAX_IMAGE_MB: integer(1, 5_000).default(10),
  EVENTS_WEBHOOK_URL: parsedBy(parseWebhookUrl).optional(),
  EVENTS_WEBHOOK_SECRET: parsedBy(parseWebhookSecret).optional(),
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
const KNOWN: ReadonlySet<string> = new Set(SETTING_NAMES);

function storageFrom(s: Settings): StorageConfig | null {
  if (!s.S3_ENDPOINT || !s.S3_REGION || !s.S3_BUCKET || !s.S3_ACCESS_KEY_ID) return null;
  if (!s.S3_SECRET_ACCESS_KEY || !s.S3_PUBLIC_BASE_URL) return null;
  const host = new URL(s.S3_ENDPOINT).hostname;
  return {
    endpoint: s.S3_ENDPOINT,
    region: s.S3_REGION,
    bucket: s.S3_BUCKET,
    accessKeyId: s.S3_ACCESS_KEY_ID,
    secretAccessKey: s.S3_SECRET_ACCESS_KEY,
    publicBaseUrl: s.S3_PUBLIC_BASE_URL,
    uploadAcl: s.S3_UPLOAD_ACL ?? null,
    // A bucket cannot be a subdomain of an address, and rarely of localhost.
    forcePathStyle: s.S3_FORCE_PATH_STYLE === 'auto' ? isAddress(host) : s.S3_FORCE_PATH_STYLE,
  };
}

const webhookFrom = ({ EVENTS_WEBHOOK_URL: url, EVENTS_WEBHOOK_SECRET: secret }: Settings) =>
  url === undefined || secret === undefined ? null : { url, secret };

const isAddress = (host: string) => host === 'localhost' || host.startsWith('[') || /^[\d.]+$/.test(host);

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) deepFreeze(part);
  return Object.freeze(value);
}
