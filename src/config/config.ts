/**
 * The environment as one frozen value. Reads the given record, and the one file that it may name (blocked-words.ts), so that
 * `--check-config` and the tests see exactly what a start would see.
 */
import type { DatabaseTarget } from './database-url.ts';
import { type Environment, readAll } from './read-settings.ts';
import {
  isSharedSecret,
  type Language,
  type LogLevel,
  type Moderation,
  SETTING_NAMES,
  type Settings,
  type TokenAlgorithm,
} from './settings.ts';
import { type BackendAddress, MIB, pem } from './values.ts';

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
    readonly maxMultipartBytes: number;
    readonly urlTtlSeconds: number;
    readonly multipartTtlSeconds: number;
    /** Files of one user in any 60 s; 0: no limit. */
    readonly ratePerMinute: number;
    /** Of one user, bytes; 0: no limit. */
    readonly quotaBytes: number;
    /** What every upload is stored with; null: nothing. */
    readonly cacheControl: string | null;
    /** Whether `If-None-Match: *` is signed: a key can then be written once. */
    readonly once: boolean;
  };
  readonly reviews: {
    /** Whether only those may review who have bought the product and got it. */
    readonly requirePurchase: boolean;
    readonly moderation: Moderation;
    /** Reports, by different buyers of the product, that hold a review; 0: none do. */
    readonly holdAfterReports: number;
    /** Words and phrases, as their file has them. */
    readonly blockedWords: readonly string[];
    /** Of one user in any 60 s; 0: no limit. */
    readonly writesPerMinute: number;
    readonly votesPerMinute: number;
  };
  /** null: no events are written or sent. */
  readonly webhook: { readonly url: string; readonly secret: string } | null;
  /** Of errors and policies, for who asks for none of ours. */
  readonly detailLanguage: Language;
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

/**
 * Reads and checks the settings. An empty value counts as unset (systemd's EnvironmentFile cannot unset a name).
 * @throws ConfigError with every problem
 */
export const parseConfig = (env: Environment): Config => toConfig(readAll(env, SETTING_NAMES));

/**
 * What commands about uploads need, which is neither the secret of the tokens nor the backend.
 * @throws ConfigError
 */
export function parseUploadsConfig(
  env: Environment,
): Pick<Config, 'storage' | 'uploads' | 'webhook' | 'corsAllowOrigins'> {
  const ofUploads = /^(S3|UPLOAD|EVENTS_WEBHOOK)_|^CORS_ALLOW_ORIGINS$/;
  const s = readAll(
    env,
    SETTING_NAMES.filter((name) => ofUploads.test(name)),
  );
  return deepFreeze({
    storage: storageFrom(s),
    uploads: uploadsFrom(s),
    webhook: webhookFrom(s),
    corsAllowOrigins: s.CORS_ALLOW_ORIGINS,
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
    uploads: uploadsFrom(s),
    reviews: {
      requirePurchase: s.REVIEWS_REQUIRE_PURCHASE,
      moderation: s.REVIEWS_MODERATION,
      holdAfterReports: s.REVIEWS_HOLD_AFTER_REPORTS,
      blockedWords: s.REVIEWS_BLOCKED_WORDS_FILE,
      writesPerMinute: s.REVIEWS_WRITES_PER_MINUTE,
      votesPerMinute: s.REVIEWS_VOTES_PER_MINUTE,
    },
    webhook: webhookFrom(s),
    detailLanguage: s.DETAIL_LANGUAGE,
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

const uploadsFrom = (s: Settings): Config['uploads'] => ({
  maxVideoBytes: s.UPLOAD_MAX_VIDEO_MB * MIB,
  maxImageBytes: s.UPLOAD_MAX_IMAGE_MB * MIB,
  maxMultipartBytes: s.UPLOAD_MAX_MULTIPART_MB * MIB,
  urlTtlSeconds: s.UPLOAD_URL_TTL_SECONDS,
  multipartTtlSeconds: s.UPLOAD_MULTIPART_TTL_SECONDS,
  ratePerMinute: s.UPLOAD_RATE_PER_MINUTE,
  cacheControl: s.S3_UPLOAD_CACHE_CONTROL ?? null,
  once: s.S3_UPLOAD_ONCE,
  quotaBytes: s.UPLOAD_QUOTA_MB_PER_USER * MIB,
});

const webhookFrom = ({ EVENTS_WEBHOOK_URL: url, EVENTS_WEBHOOK_SECRET: secret }: Settings) =>
  url === undefined || secret === undefined ? null : { url, secret };

const isAddress = (host: string) => host === 'localhost' || host.startsWith('[') || /^[\d.]+$/.test(host);

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) deepFreeze(part);
  return Object.freeze(value);
}
