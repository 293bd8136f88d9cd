/**
 * One setting's text as a value. Pure; every message is a sentence fragment behind the name of the setting and holds no
 * part of the value, which may be a secret.
 */
import { isIP } from 'node:net';
import { z } from 'zod';
import type { BackendAddress } from './forward/backend-client.ts';

/** A whole number in a range, ends included. */
export const integer = (min: number, max: number) => {
  const message = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message);
};

export const boolean = z
  .string()
  .toLowerCase()
  .pipe(z.enum(['true', '1', 'yes', 'false', '0', 'no'], { error: 'must be true or false' }))
  .transform((value) => value === 'true' || value === '1' || value === 'yes');

export const required = z.string({ error: 'is required' });

/** Text without white space: a blank at the end of a line in an environment file is never meant. */
export const word = z.string().regex(/^\S+$/, 'must not contain white space');

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

/** `loopback`, addresses and CIDR ranges; `none` is no range. @throws Error */
export function parseTrustedProxies(value: string): readonly string[] {
  const ranges = value.split(',').map((range) => range.trim());
  if (!ranges.every((range) => range === 'loopback' || range === 'none' || isAddressRange(range))) {
    throw new Error('must be a comma-separated list of `loopback`, `none`, addresses or CIDR ranges');
  }
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
