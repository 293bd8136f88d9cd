/**
 * Statements that the server prepares once for each connection and then only runs: planning one anew costs more than
 * most of ours take to run.
 *
 * A pooler that hands connections of the server out for one transaction each may not keep them (PgBouncer before 1.21, or
 * with max_prepared_statements = 0: https://www.pgbouncer.org/config.html#max_prepared_statements). Nobody tells a client so; the
 * server's answer does, and from then on the process sends whole statements.
 */
import { createHash } from 'node:crypto';

export interface NamedStatement {
  /** Short, for pg_prepared_statements; the same text always has the same one. */
  readonly name: string;
  /** With $1, $2 … */
  readonly text: string;
  readonly values: readonly unknown[];
}

/** Sends one statement. @param name undefined: not to be kept */
type Send = (name: string | undefined) => Promise<unknown[]>;

export interface NamedStatements {
  /** @throws Error of the database */
  run(statement: NamedStatement, send: Send): Promise<unknown[]>;
}

/** Remembers whether the server on the other side keeps them. */
export function createNamedStatements(): NamedStatements {
  let areKept = true;
  return {
    async run(statement, send) {
      if (!areKept) return send(undefined);
      try {
        return await send(fullName(statement));
      } catch (error) {
        // In none of these cases has the statement run.
        if (isNotKept(error)) areKept = false;
        else if (!isOutdated(error)) throw error;
        return send(undefined);
      }
    },
  };
}

/** 26000: no such statement on this connection; 42P05: another client has made it there. */
const isNotKept = (error: unknown) => /^(26000|42P05)$/.test(codeOf(error));

/**
 * A column has another type since, on this connection for good: "cached plan must not change result type", or no operator for the
 * type that a value had (42883, 42804).
 */
export const isOutdated = (error: unknown): boolean => /^(0A000|42883|42804)$/.test(codeOf(error));

const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : '');

const names = new Map<string, string>();

/**
 * With a digest: where a pooler mixes clients up, two releases must never take each other's statement for their own.
 */
function fullName({ name, text }: NamedStatement): string {
  let full = names.get(text);
  if (full === undefined) {
    full = `${name}_${createHash('sha256').update(text).digest('base64url').slice(0, 16)}`;
    names.set(text, full);
  }
  return full;
}
