/**
 * The backend's `users` table, read only, behind a short cache: a burst of requests by one user is one query, and a
 * block takes effect within USER_CACHE_MS.
 */
import { AppError } from '../errors.ts';
import { isStandalone, rememberBackend } from './postgres/backend-tables.ts';
import { type Database, databaseUnavailable, type RunOptions } from './postgres/database.ts';
import { isSchemaMissing, isUndefinedTable } from './postgres/failure.ts';
import type { NamedStatement } from './postgres/named-statements.ts';

export interface User {
  readonly id: number;
  readonly name: string;
  readonly avatarUrl: string | null;
  /** As the backend has it; `admin` may see and change what is others'. */
  readonly role: string | null;
}

export interface UserRecord extends User {
  readonly isActive: boolean;
  readonly isBlocked: boolean;
}

/**
 * The user's row; null when there is none.
 * @param untilMs when to give up, on performance.now()'s clock
 * @throws AppError 503 when the database cannot answer
 */
export type FindUser = (id: number, untilMs: number) => Promise<UserRecord | null>;

/**
 * Looks at a user and does something for him in one round trip. @param statement made by `forWelcomeUser`
 * @returns its rows; none: nothing was done, and `FindUser` has to say why, or that it may be
 * @throws AppError 503; errors of the SQL itself
 */
export type RunForUser = <Row>(statement: NamedStatement, untilMs: number) => Promise<Row[]>;

export interface UserDirectory {
  readonly find: FindUser;
  readonly runFor: RunForUser;
  /** Reads what requests read, of nobody. @throws where nobody would be found */
  probe(options: RunOptions): Promise<void>;
}

/** How long a found user is believed, ms. */
const USER_CACHE_MS = 5_000;
const MAX_CACHED_USERS = 10_000;

export function createUserDirectory(database: Database, now = () => performance.now()): UserDirectory {
  const cache = new Map<number, { readonly record: Promise<UserRecord | null>; readonly until: number }>();
  let usersWereThere = false;

  async function find(id: number, untilMs: number): Promise<UserRecord | null> {
    try {
      const user = await queryUser(database, id, untilMs);
      if (!usersWereThere) rememberBackend(database).catch(() => undefined);
      usersWereThere = true;
      return user;
    } catch (error) {
      if (error instanceof AppError) throw error;
      if (isUndefinedTable(error) && !usersWereThere && (await isStandalone(database, { untilMs }))) {
        return toUserRecord(id, NO_ROW);
      }
      throw databaseUnavailable(error);
    }
  }

  const findOrRemember: FindUser = (id, untilMs) => {
    const cached = cache.get(id);
    if (cached !== undefined && cached.until > now()) return cached.record;
    // The promise is kept, so that requests arriving together share one query.
    const record = find(id, untilMs);
    cache.delete(id);
    cache.set(id, { record, until: now() + USER_CACHE_MS });
    const forget = () => {
      if (cache.get(id)?.record === record) cache.delete(id);
    };
    // Neither a failure nor "no such user" is kept: both may change with the next request.
    record.then((user) => user === null && forget(), forget);
    if (cache.size > MAX_CACHED_USERS) cache.delete(cache.keys().next().value ?? id);
    return record;
  };

  const runFor: RunForUser = async (statement, untilMs) => {
    // Whose database it is, and that this is not forgotten, is the other way's business.
    if (!usersWereThere) return [];
    try {
      return await database.query(statement, { untilMs });
    } catch (error) {
      if (isSchemaMissing(error)) return [];
      throw error;
    }
  };

  return {
    ...{ find: findOrRemember, runFor },
    async probe(options) {
      try {
        await database.query(userStatement(NOBODY), options);
        const [seen] = await database.query<Seen>(SEEN, options);
        if (seen?.is_filtered && !seen.is_filled)
          throw new Error('row level security hides all of the table users from this role');
      } catch (error) {
        if (!isUndefinedTable(error) || !(await isStandalone(database, options))) throw error;
      }
    },
  };
}

const NOBODY = 0;

interface UserRow {
  name: string | null;
  avatar_url: string | null;
  role: string | null;
  is_active: boolean | null;
  is_blocked: boolean | null;
}

/**
 * `is_blocked` came later by ALTER TABLE, and a name or picture does no harm where it is missing: what is no column of
 * users is looked for one level further out, where it is null. (Not by to_jsonb of the row: a json column may hold what
 * jsonb refuses.) Without `is_active` it would be another table than the backend's. The flags may be numbers or letters, as a database moved
 * from MySQL or SQLite has them: '0', as a bigint comes, would be true here. What PostgreSQL does not take for a boolean is an error.
 */
const USER_SQL = `
  SELECT found.*
    FROM (SELECT NULL::text AS name, NULL::text AS avatar_url, NULL::text AS role, NULL::boolean AS is_blocked) AS absent
   CROSS JOIN LATERAL (SELECT name, avatar_url, role::text AS role, is_active::text::boolean AS is_active,
                             is_blocked::text::boolean AS is_blocked
                        FROM users WHERE users.id = $1) AS found`;

/**
 * SQL for `RunForUser`: $1 is the user; `person` has a row, with the columns above, for one who is there, active and not blocked, as
 * toUserRecord and the checks of edge/auth.ts have it. @param rest more CTEs, a comma in front, and the statement itself; without
 * that row it must do nothing and give none
 */
export const forWelcomeUser = (rest: string) => `
  WITH person AS MATERIALIZED (
    SELECT * FROM (${USER_SQL}) AS found
     WHERE coalesce(is_active, true) AND NOT coalesce(is_blocked, false))${rest}`;

const userStatement = (id: number) => ({ name: 'user', text: USER_SQL, values: [id] });

interface Seen {
  readonly is_filled: boolean;
  readonly is_filtered: boolean;
}
const SEEN = {
  name: 'users_seen',
  text: `SELECT EXISTS (SELECT FROM users) AS is_filled, row_security_active('users') AS is_filtered`,
  values: [],
};

/**
 * @throws also when the table is empty, as it is while a restore goes on, or shows our role some of its rows: nobody may be
 * logged out for that
 */
async function queryUser(database: Database, id: number, untilMs: number): Promise<UserRecord | null> {
  const [row] = await database.query<UserRow>(userStatement(id), { untilMs });
  if (row !== undefined) return toUserRecord(id, row);
  const [seen] = await database.query<Seen>(SEEN, { untilMs });
  if (!seen?.is_filled || seen.is_filtered)
    throw databaseUnavailable(new Error('the table users is empty, or row level security hides some of it'));
  return null;
}

/** A standalone database has no users: the token's claims are enough. */
const NO_ROW: UserRow = { name: null, avatar_url: null, role: null, is_active: null, is_blocked: null };

const toUserRecord = (id: number, row: UserRow): UserRecord => ({
  id,
  name: row.name?.trim() || `User ${id}`,
  avatarUrl: row.avatar_url,
  role: row.role,
  isActive: row.is_active ?? true,
  isBlocked: row.is_blocked ?? false,
});
