/**
 * Password hashes of the demo users, `salt:hash` in hex (scrypt).
 */
import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const HASH_BYTES = 32;
const derive = promisify<string, string, number, ScryptOptions, Buffer>(scrypt);

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16).toString('hex');
  return `${salt}:${(await derive(password, salt, HASH_BYTES, {})).toString('hex')}`;
}

export async function passwordMatches(password: string, stored: string): Promise<boolean> {
  const [salt = '', hash = ''] = stored.split(':');
  const expected = Buffer.from(hash, 'hex');
  return (
    expected.length === HASH_BYTES && timingSafeEqual(await derive(password, salt, HASH_BYTES, {}), expected)
  );
}
