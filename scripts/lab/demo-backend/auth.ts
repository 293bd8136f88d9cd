/**
 * The backend's login and its tokens: `{"user_id", "exp"}`, HS256, 30 days, and its own words for 401.
 */
import type { RequestHandler, Response } from 'express';
import jwt from 'jsonwebtoken';
import type pg from 'pg';
import { passwordMatches } from './passwords.ts';
import { sendInvalid } from './problems.ts';

const TOKEN_DAYS = 30;

interface VisibleUser {
  readonly id: number;
  readonly email: string;
  readonly name: string;
  readonly role: string;
  readonly avatar_url: string | null;
}

/** A token as the backend makes it: no `iat`, no name. */
export const demoToken = (userId: number, secret: string) =>
  jwt.sign({ user_id: userId }, secret, {
    algorithm: 'HS256',
    expiresIn: `${TOKEN_DAYS}d`,
    noTimestamp: true,
  });

/** `POST /api/auth/login`; expects a parsed JSON body. */
export function logIn(pool: pg.Pool, secret: string): RequestHandler {
  return async (req, res) => {
    const { email, password } = Object(req.body);
    if (!isText(email)) return sendInvalid(res, ['body', 'email'], 'field required', 'value_error.missing');
    if (!isText(password)) {
      return sendInvalid(res, ['body', 'password'], 'field required', 'value_error.missing');
    }
    const found = await pool.query<VisibleUser & { hashed_password: string }>(
      'SELECT id, email, name, role, avatar_url, hashed_password FROM users WHERE email = $1',
      [email],
    );
    const [row] = found.rows;
    if (row === undefined || !(await passwordMatches(password, row.hashed_password))) {
      res.status(401).json({ detail: 'Incorrect email or password' });
      return;
    }
    const { hashed_password: _, ...user } = row;
    res.json({ access_token: demoToken(user.id, secret), token_type: 'bearer', user });
  };
}

/** Lets a request with a valid token pass; the user is then `currentUser(res)`. */
export function createRequireUser(pool: pg.Pool, secret: string): RequestHandler {
  return async (req, res, next) => {
    const token = /^Bearer (.+)$/i.exec(req.headers.authorization ?? '')?.[1];
    if (token === undefined) return refuse(res, 'Not authenticated');
    const userId = userIdOf(token, secret);
    if (userId === null) return refuse(res, 'Invalid token');
    const found = await pool.query<VisibleUser>(
      'SELECT id, email, name, role, avatar_url FROM users WHERE id = $1',
      [userId],
    );
    if (found.rows[0] === undefined) return refuse(res, 'User not found');
    res.locals.user = found.rows[0];
    next();
  };
}

export const currentUser = (res: Response): VisibleUser => res.locals.user;

function userIdOf(token: string, secret: string): number | null {
  try {
    const payload = jwt.verify(token, secret, { algorithms: ['HS256'] });
    const id: unknown = typeof payload === 'string' ? undefined : payload.user_id;
    // The range of PostgreSQL's integer, the type of users.id.
    return typeof id === 'number' && Number.isInteger(id) && id > 0 && id < 2 ** 31 ? id : null;
  } catch {
    return null;
  }
}

function refuse(res: Response, detail: string): void {
  res.status(401).set('WWW-Authenticate', 'Bearer').json({ detail });
}

/** PostgreSQL's text cannot hold NUL. */
const isText = (value: unknown): value is string => typeof value === 'string' && !value.includes('\0');
