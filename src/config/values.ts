/**
 * One setting's text as a value. Pure; every message is a sentence fragment behind the name of the setting and holds no
 * part of the value, which may be a secret.
 */
import { isIP } from 'node:net';
import { z } from 'zod';

/**
 * What is wrong with a text as such, whatever the setting: it shows that the file was meant otherwise than it was read, and
 * another reader of the same file (systemd, a shell, Docker, python-dotenv) may hand the backend something else.
 * Quotes and `#` within a value are read alike by all. @returns a sentence fragment; null: nothing
 */
export function textProblem(value: string, settingNames: ReadonlySet<string>): string | null {
  const name = /^(?:export\s+)?(\w+)=/.exec(value)?.[1];
  if (name !== undefined && settingNames.has(name))
    return 'holds a whole assignment: only what is behind the = belongs there';
  // A PEM has lines, and may have the white space of any file.
  if (value.includes('-----BEGIN ')) return null;
  if (/\r\n?$/.test(value)) return 'ends with a carriage return: save the file with Unix line ends';
  if (/^\s|\s$/.test(value)) return 'has white space in front or at its end';
  if (/^(".*"|'.*'|“.*”|‘.*’|«.*»)$/s.test(value))
    return 'is wrapped in quotes that have become a part of it';
  if (value.includes('\ufffd')) return 'is not valid UTF-8';
  if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(value)) return 'has an invisible character or a line break in it';
  if (/\s#/.test(value)) return 'has a # behind white space: a comment needs a line of its own';
  if (/^\$(\{[^{}]*\}|\(.*\))$/.test(value)) return 'is a reference that nothing has replaced';
  return null;
}

export type BackendAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** What settings called …_MB are counted in, bytes. */
export const MIB = 1024 * 1024;

/** A whole number in a range, ends included. */
export const integer = (min: number, max: number) => {
  const message = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message);
};

const WORDS = { true: true, '1': true, yes: true, false: false, '0': false, no: false } as const;
type Word = keyof typeof WORDS;

export const boolean = z
  .string()
  .toLowerCase()
  .pipe(z.enum(Object.keys(WORDS) as Word[], { error: 'must be true or false' }))
  .transform((value) => WORDS[value]);

/** `auto`, or a boolean. */
export const booleanOrAuto = z.union([z.string().toLowerCase().pipe(z.literal('auto')), boolean], {
  error: 'must be auto, true or false',
});

export const required = z.string({ error: 'is required' });

/** What may stand in a header field as it is. */
export const word = z.string().regex(/^[\x21-\x7e]+$/, 'must be ASCII without white space');

/** A transform whose thrown message becomes the problem. */
export function parsedBy<T>(parse: (value: string) => T) {
  return required.transform((value, context): T => {
    try {
      return parse(value);
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'is not valid' });
      return z.NEVER;
    }
  });
}

/** `http://host:port` or `unix:/path.sock`. @throws Error */
export function parseBackendUrl(value: string): BackendAddress {
  if (value.startsWith('unix:')) {
    const path = value.slice('unix:'.length);
    if (!/^\/[^/]/.test(path))
      throw new Error('must name an absolute socket path, e.g. unix:/run/backend.sock');
    return { kind: 'unix', path };
  }
  const shape = 'must be http://host:port or unix:/path.sock';
  const url = URL.parse(value);
  if (!/^http:\/\//i.test(value) || url === null || url.username !== '' || url.password !== '') {
    throw new Error(shape);
  }
  if (url.pathname !== '/' || /[?#]/.test(value)) throw new Error(`${shape}, without a path`);
  if (url.port === '0') throw new Error(shape);
  return { kind: 'tcp', host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 80) };
}

/** An address to bind to. @throws Error */
export function parseBindHost(value: string): string {
  const isName = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(value);
  if (isIP(value) === 0 && !isName) throw new Error('must be an IP address or a host name');
  return value;
}

/** A base URL, without a trailing slash. @throws Error */
export function parseHttpUrl(value: string): string {
  const url = URL.parse(value);
  const hasExtras = /[?#\s]/.test(value) || Boolean(url?.username || url?.password);
  if (url === null || !/^https?:\/\//i.test(value) || hasExtras) {
    throw new Error('must be an http:// or https:// URL without credentials, query or fragment');
  }
  return url.href.replace(/\/+$/, '');
}

/** A webhook's URL as it is: a slash at its end, and a query, belong to it. @throws Error */
export function parseWebhookUrl(value: string): string {
  const url = URL.parse(value);
  if (url === null || !/^https?:\/\//i.test(value) || /[#\s]/.test(value) || url.username || url.password) {
    throw new Error('must be an http:// or https:// URL without credentials or fragment');
  }
  return url.href;
}

/** As the Standard Webhooks specification writes a secret. @throws Error */
export function parseWebhookSecret(value: string): string {
  const key = /^whsec_(.+)$/.exec(value)?.[1] ?? '';
  if (key === '' || Buffer.from(key, 'base64').toString('base64') !== key) {
    throw new Error('must be whsec_ and base64, e.g. from: echo whsec_$(openssl rand -base64 32)');
  }
  return value;
}

/**
 * A field value that every client sends exactly as it was signed: browsers drop white space at its ends, and a signature takes
 * runs of it for one. @throws Error
 */
export function parseCacheControl(value: string): string {
  if (!/^[\x21-\x7e]+( [\x21-\x7e]+)*$/.test(value))
    throw new Error('must be a Cache-Control value in ASCII, e.g. public, max-age=31536000, immutable');
  return value;
}

/** `loopback`, addresses and CIDR ranges; `none` is no range. @throws Error */
export function parseTrustedProxies(value: string): readonly string[] {
  const ranges = value.split(',').map((range) => range.trim());
  if (!ranges.every((range) => range === 'loopback' || range === 'none' || isAddressRange(range))) {
    throw new Error('must be a comma-separated list of `loopback`, `none`, addresses or CIDR ranges');
  }
  if (ranges.includes('none') && ranges.length > 1) throw new Error('must have nothing beside `none`');
  return ranges.filter((range) => range !== 'none');
}

function isAddressRange(range: string): boolean {
  const [address = '', prefix, ...rest] = range.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128));
}

/** `*` or exact origins. @throws Error */
export function parseOrigins(value: string): '*' | readonly string[] {
  if (value.trim() === '*') return '*';
  const origins = value.split(',').map((origin) => origin.trim());
  for (const origin of origins) {
    if (URL.parse(origin)?.origin !== origin) {
      throw new Error('must be * or a comma-separated list of origins, e.g. https://example.com');
    }
  }
  return origins;
}

/** EnvironmentFile and .env files hold one line a value, so a PEM's line breaks may come as `\n`. */
export const pem = (value: string) => value.replaceAll('\\n', '\n');
