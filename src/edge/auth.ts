/**
 * Who sends a request to one of our routes. The backend's rules and words: a token holds only `user_id` and `exp`; the
 * user is looked up; 401 is for the token and nothing else, because the clients drop their token on it.
 */
import type { IncomingMessage } from 'node:http';
import { AppError } from '../errors.ts';
import type { FindUser, User } from '../infra/user-directory.ts';
import { withDatabaseDeadline } from './deadline.ts';
import { type Claims, type TokenKey, verifyToken } from './token.ts';

/** @throws AppError 401 bad token or unknown user, 403 blocked or inactive, 503 the look-up is impossible */
export type RequireUser = (request: IncomingMessage) => Promise<User>;

/** Whom a token names, of whom nothing else is known: for a statement that looks at the user itself. @throws AppError 401 */
export type NamedUser = (request: IncomingMessage) => number;

export interface AuthOptions {
  readonly token: TokenKey;
  readonly findUser: FindUser;
}

/** PostgreSQL `integer`, the type of users.id. */
const MAX_USER_ID = 2 ** 31 - 1;

export const createNamedUser =
  (token: TokenKey): NamedUser =>
  (request) => {
    const id = userIdOf(verifyToken(bearerToken(request), token));
    if (id > MAX_USER_ID) throw new AppError('user_not_found');
    return id;
  };

export function createRequireUser({ token, findUser }: AuthOptions): RequireUser {
  const namedUser = createNamedUser(token);
  return async (request) => {
    const id = namedUser(request);
    const user = await withDatabaseDeadline(request, (untilMs) => findUser(id, untilMs));
    if (user === null) throw new AppError('user_not_found');
    if (user.isBlocked) throw new AppError('account_blocked');
    if (!user.isActive) throw new AppError('account_inactive');
    return { id: user.id, name: user.name, avatarUrl: user.avatarUrl, role: user.role };
  };
}

/** RFC 6750 §2.1; the scheme is case-insensitive (RFC 9110 §11.1). */
function bearerToken(request: IncomingMessage): string {
  const token = /^bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
  if (token === undefined) throw new AppError('not_authenticated');
  return token;
}

function userIdOf(claims: Claims): number {
  const claim = claims.user_id ?? claims.sub;
  const id = typeof claim === 'string' && /^\d{1,15}$/.test(claim) ? Number(claim) : claim;
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 1) throw new AppError('invalid_token');
  return id;
}

/** Runs work before a user is looked at: what is wrong with a request is said to whom a user's requests are for. */
export type UserFirst = <T>(request: IncomingMessage, work: () => Promise<T>) => Promise<T>;

/** 429 and above is said by who has looked. */
export const createUserFirst =
  (requireUser: RequireUser): UserFirst =>
  async (request, work) => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof AppError && error.status < 429) await requireUser(request);
      throw error;
    }
  };
