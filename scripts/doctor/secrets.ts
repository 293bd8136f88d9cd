/** What a report may be pasted into is a chat: no secret is in it, whoever has put it into a message. */
import { SETTING_NAMES } from '../../src/config/settings.ts';

const SECRET_NAMES = [
  'JWT_SECRET',
  'S3_ACCESS_KEY_ID',
  'S3_SECRET_ACCESS_KEY',
  'EVENTS_WEBHOOK_SECRET',
  'DATABASE_URL',
];
/** Shorter ones are words of any text. */
const LEAST = 4;
const MARK = '•••';

type Environment = Readonly<Record<string, string | undefined>>;

/** @returns a function that puts a mark in place of every secret of these environments */
export function createRedaction(...environments: readonly Environment[]): (text: string) => string {
  const secrets = [...new Set(environments.flatMap(secretsIn))]
    .filter((secret) => secret.length >= LEAST)
    .sort((one, other) => other.length - one.length);
  return (text) => secrets.reduce((redacted, secret) => redacted.replaceAll(secret, MARK), text);
}

function secretsIn(env: Environment): string[] {
  const given = SECRET_NAMES.map((name) => env[name] ?? '');
  const urls = SETTING_NAMES.filter((name) => name.endsWith('_URL')).map((name) => env[name] ?? '');
  // A PEM goes line by line; a webhook's query is often its password.
  return [
    ...given.flatMap((text) => [text, text.trim(), ...text.split(/\\n|\r?\n/)]),
    ...urls.flatMap(passwordsIn),
  ].filter((text) => !text.startsWith('-----'));
}

function passwordsIn(url: string): string[] {
  const [, user = '', raw = ''] = /^[\w+]+:\/\/([^:@/?#]*):(.*)@[^@]*$/.exec(url) ?? [];
  const query = /^https?:/.test(url) ? [url.split('?')[1] ?? ''] : [];
  const password = /[?&]password=([^&]*)/.exec(url)?.[1] ?? '';
  return [raw, password].flatMap((text) => (text === user ? [] : [text, decoded(text)])).concat(query);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
