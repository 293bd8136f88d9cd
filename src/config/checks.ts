/**
 * What no single setting can tell: combinations that would start and then fail, most of them in a way that looks like
 * something else. Pure; each check looks at the settings that could be read and returns whole sentences without values.
 */
import { createPublicKey } from 'node:crypto';
import { isSharedSecret, type Settings, type TokenAlgorithm } from './settings.ts';
import { pem } from './values.ts';

type Readable = Partial<Settings>;

/** @param given names that have a value, also one that could not be read */
export function combinationProblems(settings: Readable, given: ReadonlySet<string>): string[] {
  return [
    ...storageProblems(given),
    ...endpointProblems(settings),
    ...publicBaseProblems(settings),
    ...swapProblems(settings),
    ...webhookProblems(given),
    ...keyProblems(settings),
    ...loopProblems(settings),
    ...portProblems(settings),
  ];
}

const STORAGE_NAMES = [
  'S3_ENDPOINT',
  'S3_REGION',
  'S3_BUCKET',
  'S3_ACCESS_KEY_ID',
  'S3_SECRET_ACCESS_KEY',
  'S3_PUBLIC_BASE_URL',
] as const;

/** All six or none: half a storage is a mistake that would otherwise show as "uploads are switched off". */
function storageProblems(given: ReadonlySet<string>): string[] {
  const missing = STORAGE_NAMES.filter((name) => !given.has(name));
  if (missing.length === 0 || missing.length === STORAGE_NAMES.length) return [];
  return missing.map(
    (name) => `${name} is missing while other S3_ settings are given: set all of them or none`,
  );
}

/**
 * Providers show the address with the bucket in it; the client puts it there itself, and would do it twice: files would be
 * stored under another name than file_url has.
 */
function endpointProblems({ S3_ENDPOINT: endpoint, S3_BUCKET: bucket }: Readable): string[] {
  if (endpoint === undefined || bucket === undefined) return [];
  const { hostname, pathname } = new URL(endpoint);
  const segments = pathname.split('/').filter((segment) => segment !== '');
  if (hostname.startsWith(`${bucket}.`) || segments[0] === bucket || segments.at(-1) === bucket) {
    return ['S3_ENDPOINT must not have the bucket in it: S3_BUCKET names it'];
  }
  return hostname.includes('.cdn.')
    ? ['S3_ENDPOINT must be the storage itself and not its CDN: a signature holds for one host name']
    : [];
}

/** Only what is wrong for certain: a CDN or a proxy in front may have any address. */
function publicBaseProblems(settings: Readable): string[] {
  const { S3_ENDPOINT: endpoint, S3_BUCKET: bucket, S3_PUBLIC_BASE_URL: base } = settings;
  if (endpoint === undefined || bucket === undefined || base === undefined) return [];
  if (base === endpoint) return ['S3_PUBLIC_BASE_URL lacks the bucket: it is the same as S3_ENDPOINT'];
  const { host, pathname } = new URL(base);
  const isTwice = host === `${bucket}.${new URL(endpoint).host}` && pathname.split('/')[1] === bucket;
  return isTwice ? ['S3_PUBLIC_BASE_URL names the bucket twice: in its host name and in its path'] : [];
}

/** As AWS and others write the public half of a key. */
const ACCESS_KEY_ID = /^(AKIA|ASIA|DO00|DO80)[A-Z0-9]{16}$/;

function swapProblems({ JWT_SECRET: secret = '', ...settings }: Readable): string[] {
  const problems: string[] = [];
  if (/^(HS|RS|ES)\d{3}$/i.test(secret)) problems.push('JWT_SECRET holds what belongs into JWT_ALG');
  if (/^postgres(ql)?(\+\w+)?:\/\//i.test(secret))
    problems.push('JWT_SECRET holds what belongs into DATABASE_URL');
  const { S3_ACCESS_KEY_ID: id = '', S3_SECRET_ACCESS_KEY: key = '' } = settings;
  if (ACCESS_KEY_ID.test(key) && !ACCESS_KEY_ID.test(id))
    problems.push('S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY are swapped');
  return problems;
}

/** Without a secret a receiver could not tell our events from anybody's; without a URL nothing would be sent. */
function webhookProblems(given: ReadonlySet<string>): string[] {
  const names = ['EVENTS_WEBHOOK_URL', 'EVENTS_WEBHOOK_SECRET'];
  const missing = names.filter((name) => !given.has(name));
  if (missing.length !== 1) return [];
  const [there] = names.filter((name) => given.has(name));
  return [`${missing[0]} is missing while ${there} is given: set both or none`];
}

/** RFC 7518 §3.4: each ES algorithm has its own curve. */
const CURVES: Partial<Record<TokenAlgorithm, string>> = {
  ES256: 'prime256v1',
  ES384: 'secp384r1',
  ES512: 'secp521r1',
};

/** A key that does not fit would make every token "invalid", and a 401 logs every user out. */
function keyProblems({ JWT_SECRET: secret, JWT_ALG: algorithm }: Readable): string[] {
  if (secret === undefined || algorithm === undefined) return [];
  if (isSharedSecret(algorithm)) {
    if (!secret.includes('-----BEGIN ')) return [];
    return [
      `JWT_SECRET holds a PEM key, which JWT_ALG=${algorithm} does not use: set JWT_ALG to RS256 or the like`,
    ];
  }
  const wanted = algorithm.startsWith('RS') ? 'RSA' : `EC, curve ${CURVES[algorithm]}`;
  return fits(secret, algorithm)
    ? []
    : [`JWT_SECRET must hold a PEM public key (${wanted}) when JWT_ALG is ${algorithm}`];
}

function fits(secret: string, algorithm: TokenAlgorithm): boolean {
  try {
    const key = createPublicKey(pem(secret));
    if (algorithm.startsWith('RS')) return key.asymmetricKeyType === 'rsa';
    return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === CURVES[algorithm];
  } catch {
    // The reason may quote the value.
    return false;
  }
}

const OWN_HOST = /^(127\.[\d.]+|localhost\.?|::1?|0\.0\.0\.0|::ffff:7f[0-9a-f:]+)$/i;

/** Forwarding to ourselves would multiply each request until MAX_IN_FLIGHT. */
function loopProblems({ PORT: port, BACKEND_URL: backend }: Readable): string[] {
  if (backend?.kind !== 'tcp' || port === 0 || backend.port !== port) return [];
  return OWN_HOST.test(backend.host)
    ? ['BACKEND_URL is the sidecar itself: it has the same port as PORT']
    : [];
}

function portProblems({ PORT: port, METRICS_PORT: metricsPort }: Readable): string[] {
  return metricsPort !== undefined && metricsPort !== 0 && metricsPort === port
    ? ['METRICS_PORT must be another port than PORT']
    : [];
}
