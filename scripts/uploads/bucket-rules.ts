/**
 * Which rules a bucket needs: for the browsers of our pages, and against parts that nobody will ever put together. Ours are
 * added to those that are there, by a name of their own; pure.
 */
import type { CORSRule, LifecycleRule } from '@aws-sdk/client-s3';

/** Everything of ours in the bucket is below it. */
export const UPLOADS = 'uploads/';
const CORS_ID = 'gogomarket-sidecar';
const LIFECYCLE_ID = 'gogomarket-sidecar-stale-multiparts';
/** Pages upload and read. */
export const METHODS = ['GET', 'HEAD', 'PUT'] as const;

/** `*` stands for any characters, once (https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html). */
function matches(pattern: string, text: string): boolean {
  const [start = '', end] = pattern.split('*');
  if (end === undefined) return pattern === text;
  return text.length >= start.length + end.length && text.startsWith(start) && text.endsWith(end);
}

/** Do these rules let pages of an origin (or `*`: of any) upload with these headers, and read? */
export const allowsPages = (
  rules: readonly CORSRule[],
  origin: string,
  headers: readonly string[],
): boolean =>
  METHODS.every((method) =>
    rules.some(
      ({ AllowedOrigins: origins = [], AllowedMethods: methods = [], AllowedHeaders: allowed = [] }) =>
        origins.some((pattern) => (origin === '*' ? pattern === '*' : matches(pattern, origin))) &&
        methods.includes(method) &&
        (method !== 'PUT' ||
          headers.every((name) => allowed.some((pattern) => matches(pattern.toLowerCase(), name)))),
    ),
  );

/** The same rules, and ours behind them for these origins and those it already had. */
export function withPages(rules: readonly CORSRule[], origins: readonly string[]): CORSRule[] {
  const ours = rules.find(({ ID }) => ID === CORS_ID);
  const all = [...new Set([...(ours?.AllowedOrigins ?? []), ...origins])];
  const rule: CORSRule = {
    ID: CORS_ID,
    AllowedOrigins: all.includes('*') ? ['*'] : all,
    AllowedMethods: [...METHODS],
    AllowedHeaders: ['*'],
    ExposeHeaders: ['ETag'],
    MaxAgeSeconds: 3600,
  };
  return [...rules.filter((each) => each !== ours), rule];
}

const prefixOf = ({ Filter, Prefix }: LifecycleRule) => Filter?.Prefix ?? Filter?.And?.Prefix ?? Prefix ?? '';

/** Not only to objects with a tag or of a size. */
const isForAll = ({ Filter = {} }: LifecycleRule) =>
  Object.keys(Filter).every((condition) => condition === 'Prefix');

const isOn = ({ Status }: LifecycleRule) => Status === 'Enabled';

/** After how many days the rules give up what was begun under `uploads/`; the shortest wins. null: never. */
export function daysUntilAborted(rules: readonly LifecycleRule[]): number | null {
  const days = rules
    .filter((rule) => isOn(rule) && isForAll(rule) && UPLOADS.startsWith(prefixOf(rule)))
    .map((rule) => rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation)
    .filter((number) => number !== undefined);
  return days.length === 0 ? null : Math.min(...days);
}

/** Names of the rules that delete files that people have uploaded. */
export const rulesThatDelete = (rules: readonly LifecycleRule[]): string[] =>
  rules
    .filter((rule) => {
      const prefix = prefixOf(rule);
      const isOfUploads = UPLOADS.startsWith(prefix) || prefix.startsWith(UPLOADS);
      return isOn(rule) && isOfUploads && (rule.Expiration?.Days ?? rule.Expiration?.Date) !== undefined;
    })
    .map(({ ID }) => ID ?? 'one without a name');

/** The same rules, and ours behind them. */
export const withAbort = (rules: readonly LifecycleRule[], days: number): LifecycleRule[] => [
  ...rules.filter(({ ID }) => ID !== LIFECYCLE_ID),
  {
    ID: LIFECYCLE_ID,
    Status: 'Enabled',
    Filter: { Prefix: UPLOADS },
    AbortIncompleteMultipartUpload: { DaysAfterInitiation: days },
  },
];

/** Would ours be enough? Not beside another that is shorter. */
export const canBeMended = (rules: readonly LifecycleRule[], days: number): boolean =>
  (daysUntilAborted(rules.filter(({ ID }) => ID !== LIFECYCLE_ID)) ?? days) >= days;
