/**
 * Is a token one of the backend's? The signature alone does not say: the same secret may sign tokens for something else.
 * So exactly what the backend's library accepts, PyJWT without an audience and without leeway; test/edge/token.test.ts
 * asks both. Where it raises an error that the backend does not catch, the token is not accepted either.
 */
import { isUtf8 } from 'node:buffer';
import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import type { Jwt } from 'jsonwebtoken';
import type { TokenAlgorithm } from '../config/settings.ts';
import { AppError } from '../errors.ts';
import { loadPackage } from '../load-package.ts';

export interface TokenKey {
  readonly secret: string;
  readonly algorithm: TokenAlgorithm;
}

export type Claims = Readonly<Record<string, unknown>>;

/**
 * The claims of a token that holds at `nowMs`.
 * @throws AppError 401; any other error when the key does not go with the algorithm, for which nobody is logged out
 */
export function verifyToken(token: string, key: TokenKey, nowMs = Date.now()): Claims {
  const { header, payload } = verifySignature(token, key);
  if (typeof payload === 'string' || !isHeaderAccepted(header as unknown as Claims)) throw invalid();
  if (!areClaimsAccepted(payload, Math.floor(nowMs / 1000))) throw invalid();
  return payload;
}

const invalid = () => new AppError('invalid_token');

/** jsonwebtoken's words for a key that does not go with the algorithm: our mistake. */
const KEY_PROBLEM = /^secretOrPublicKey|^"alg" parameter/;

const keys = new WeakMap<TokenKey, KeyObject | string>();

/** As the library makes it, which would try for each token whether the secret is a PEM: that takes longer than all the rest. */
function keyObjectOf(key: TokenKey): KeyObject | string {
  const made = keys.get(key) ?? makeKeyObject(key.secret);
  keys.set(key, made);
  return made;
}

function makeKeyObject(secret: string): KeyObject | string {
  try {
    return createPublicKey(secret);
  } catch {
    // An empty one is refused by the library, in its own words.
    return secret === '' ? secret : createSecretKey(Buffer.from(secret));
  }
}

/** One pinned algorithm (RFC 8725 §3.1). */
function verifySignature(token: string, key: TokenKey): Jwt {
  const jsonwebtoken = loadPackage('jsonwebtoken');
  // It would read broken UTF-8 as U+FFFD.
  if (!token.split('.', 2).every((part) => isUtf8(Buffer.from(part, 'base64url')))) throw invalid();
  try {
    return jsonwebtoken.verify(token, keyObjectOf(key), {
      algorithms: [key.algorithm],
      complete: true,
      ignoreExpiration: true,
      ignoreNotBefore: true,
    });
  } catch (error) {
    if (error instanceof Error && KEY_PROBLEM.test(error.message)) throw error;
    throw invalid();
  }
}

/** `crit` names what a reader must understand (RFC 7515 §4.1.11): of that only `b64`, unless it says "not encoded". */
function isHeaderAccepted({ crit, b64, kid }: Claims): boolean {
  if (kid !== undefined && typeof kid !== 'string') return false;
  if (b64 === false) return false;
  if (crit === undefined) return true;
  return Array.isArray(crit) && crit.length > 0 && crit.every((name) => name === 'b64' && b64 !== undefined);
}

/** The backend's own tokens have none but `exp`; one with an audience was made for somebody else. */
function areClaimsAccepted({ exp, nbf, iat, aud }: Claims, nowS: number): boolean {
  const until = toInteger(exp);
  if (until === null || until <= nowS) return false;
  const from = nbf === undefined ? nowS : toInteger(nbf);
  if (from === null || from > nowS) return false;
  if (iat !== undefined && (typeof iat === 'string' || toInteger(iat) === null || Number(iat) > nowS))
    return false;
  return isFalsy(aud);
}

/** What Python's int() makes of a JSON value; null where it raises. */
function toInteger(value: unknown): number | null {
  if (typeof value === 'boolean') return Number(value);
  if (typeof value === 'number') return Number.isFinite(value) ? Math.trunc(value) : null;
  if (typeof value !== 'string' || !/^\s*[+-]?\d+(_\d+)*\s*$/.test(value)) return null;
  return Number(value.replaceAll('_', ''));
}

/** As Python sees it: empty lists and objects, too. */
const isFalsy = (value: unknown) => !value || (typeof value === 'object' && Object.keys(value).length === 0);
