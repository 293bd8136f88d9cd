/**
 * Tokens as the backend makes them.
 */
import jwt from 'jsonwebtoken';

/** Shared by everything that the laboratory starts. */
export const JWT_SECRET = 'test-secret-for-tokens-only';

const THIRTY_DAYS_S = 30 * 24 * 3600;

/** `{"user_id", "exp"}`, HS256, 30 days. */
export const tokenFor = (userId: number, secret = JWT_SECRET) =>
  jwt.sign({ user_id: userId }, secret, { algorithm: 'HS256', expiresIn: THIRTY_DAYS_S, noTimestamp: true });
