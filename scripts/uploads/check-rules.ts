/** The bucket's rules for web pages and against stale parts: looked at, tried as a browser would, and added with --fix. */
import type { CORSRule, LifecycleRule } from '@aws-sdk/client-s3';
import { LONGEST_GRACE_SECONDS } from '../../src/features/uploads/tables/functions.ts';
import { StorageFailure } from '../../src/infra/object-storage/storage-failure.ts';
import {
  allowsPages,
  canBeMended,
  daysUntilAborted,
  rulesThatDelete,
  UPLOADS,
  withAbort,
  withPages,
} from './bucket-rules.ts';
import { type Check, type Finding, notApplicable, ok, unchecked, wrong } from './check.ts';
import { type Answer, exchange } from './exchange.ts';
import type { Scene } from './storage-checks.ts';

/** Asked for when nobody has said which pages there are: none is called so (RFC 2606). */
const ANY_PAGE = 'https://any-page.example';

const UNKNOWN_ORIGINS =
  'CORS_ALLOW_ORIGINS is *, so pages of any origin are meant; --origin https://… names the real ones';

export const PAGES: Check<Scene> = {
  name: 'web pages (CORS)',
  needs: ['upload'],
  async run(scene, signal) {
    const said = scene.origins === '*' ? `${UNKNOWN_ORIGINS}. ` : '';
    const mended = scene.fix ? await fixPages(scene, signal) : '';
    for (const origin of scene.origins === '*' ? [ANY_PAGE] : scene.origins) {
      const problem = (await tryUpload(scene, origin, signal)) ?? (await tryRead(scene, origin, signal));
      if (problem !== null) return { ...problem, text: `${said}${mended}${problem.text}` };
    }
    const who = scene.origins === '*' ? 'pages of any origin' : scene.origins.join(', ');
    return ok(`${said}${mended}${who} may upload and read`);
  },
};

/** Of what a client sends along, what a page must ask for beforehand, as browsers write it (Fetch standard, CORS-preflight fetch). */
const askedFor = (headers: Readonly<Record<string, string>>) =>
  Object.keys(headers)
    .map((name) => name.toLowerCase())
    .sort();

/** null: it may. */
async function tryUpload(
  { first, fix }: Scene,
  origin: string,
  signal: AbortSignal,
): Promise<Finding | null> {
  const names = askedFor(first.headers);
  const answer = await exchange('OPTIONS', first.url, {
    headers: {
      origin,
      'access-control-request-method': 'PUT',
      'access-control-request-headers': names.join(','),
    },
    signal,
  });
  const allowed = (header: string) =>
    new Set((answer.headers.get(header) ?? '').split(',').map((name) => name.trim().toLowerCase()));
  const [methods, headers] = [
    allowed('access-control-allow-methods'),
    allowed('access-control-allow-headers'),
  ];
  const missing = names.filter((name) => !headers.has(name) && !headers.has('*'));
  const isOk = answer.status >= 200 && answer.status < 300 && isAllowed(answer, origin);
  if (isOk && missing.length === 0 && (methods.has('put') || methods.has('*'))) return null;
  const why = !isOk ? 'the preflight is refused' : missing[0] ? `not with ${missing}` : 'PUT is not allowed';
  const remedy = fix
    ? 'The rules are right, and the storage does not go by them yet: look again in a few minutes.'
    : `--fix adds a CORS rule: PUT, GET and HEAD from ${origin}, headers *.`;
  return wrong(`pages of ${origin} may not upload: ${why} (${answer.status})`, remedy);
}

async function tryRead(
  { first, storage }: Scene,
  origin: string,
  signal: AbortSignal,
): Promise<Finding | null> {
  // What else is wrong with it has been said.
  if (!first.isPublic) return null;
  const answer = await exchange('GET', storage.publicUrl(first.key), { headers: { origin }, signal });
  if (isAllowed(answer, origin)) return null;
  return wrong(
    `scripts of ${origin} may not read files, only show them (no Access-Control-Allow-Origin at the public URL)`,
    '--fix adds GET to the CORS rules; a CDN at S3_PUBLIC_BASE_URL must pass Origin on and keep the answers apart (Vary: Origin).',
  );
}

function isAllowed({ headers }: Answer, origin: string): boolean {
  const allowed = headers.get('access-control-allow-origin');
  return allowed === '*' || allowed === origin;
}

/** @returns what was changed, as the beginning of a sentence; empty when nothing had to be */
async function fixPages({ storage, origins, first }: Scene, signal: AbortSignal): Promise<string> {
  const before = await storage.corsRules(signal);
  const wanted = origins === '*' ? ['*'] : origins;
  const lacking = wanted.filter((origin) => !allowsPages(before, origin, askedFor(first.headers)));
  if (lacking.length === 0) return '';
  await storage.putCorsRules(withPages(before, lacking), signal);
  return changed('CORS', before, await storage.corsRules(signal));
}

const changed = (what: string, before: readonly (CORSRule | LifecycleRule)[], after: typeof before) =>
  `mended. ${what} rules before: ${JSON.stringify(before)}; after: ${JSON.stringify(after)}. `;

const DAY_SECONDS = 86_400;

export const LIFECYCLE: Check<Scene> = {
  name: 'lifecycle',
  needs: ['connection'],
  async run({ storage, uploads: { multipartTtlSeconds: ttl }, fix }, signal) {
    const days = Math.ceil((ttl + Math.min(ttl, LONGEST_GRACE_SECONDS)) / DAY_SECONDS);
    const before = await readRules(() => storage.lifecycleRules(signal));
    if ('status' in before) return before;
    const isShort = (daysUntilAborted(before) ?? 0) < days;
    if (!fix || !isShort || !canBeMended(before, days)) return judgeRules(before, days, '');
    await storage.putLifecycleRules(withAbort(before, days), signal);
    const after = await storage.lifecycleRules(signal);
    return judgeRules(after, days, changed('Lifecycle', before, after));
  },
};

/** A key that may do no more than the sidecar needs is not a mistake, though it leaves the question open. */
async function readRules(
  read: () => Promise<readonly LifecycleRule[]>,
): Promise<readonly LifecycleRule[] | Finding> {
  try {
    return await read();
  } catch (error) {
    const { httpStatus = null } = error instanceof StorageFailure ? error : {};
    if (httpStatus === 501 || httpStatus === 405)
      return notApplicable(
        'the storage has no lifecycle rules; the sidecar gives up stale parts itself, but for those that no row knows: begun twice, or before a database was restored',
      );
    if (httpStatus !== 403) throw error;
    return unchecked(
      'the key may not read the rules',
      "Allow it s3:GetLifecycleConfiguration, or look for AbortIncompleteMultipartUpload in the provider's console.",
    );
  }
}

function judgeRules(rules: readonly LifecycleRule[], days: number, mended: string): Finding {
  const deleting = rulesThatDelete(rules);
  if (deleting.length > 0)
    return wrong(
      `${mended}files that people have uploaded are deleted by rule ${deleting.join(', ')}`,
      `Take Expiration off ${UPLOADS}: in the provider's console, by hand.`,
    );
  const found = daysUntilAborted(rules);
  if (found === null)
    return wrong(
      `${mended}parts that nobody puts together are kept, and paid for, for ever`,
      `--fix adds a rule: AbortIncompleteMultipartUpload after ${days} days for ${UPLOADS}.`,
    );
  if (found < days)
    return wrong(
      `${mended}parts are given up after ${found} days, and UPLOAD_MULTIPART_TTL_SECONDS allows longer`,
      `Let the rule wait for ${days} days: in the provider's console, or with --fix if the rule is the sidecar's.`,
    );
  return ok(`${mended}parts that nobody puts together are given up after ${found} days`);
}
