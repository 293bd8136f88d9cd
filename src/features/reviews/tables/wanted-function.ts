/** A function in the database as data, and the SQL that makes it. */

export interface WantedFunction {
  /** As PostgreSQL writes a regprocedure. */
  readonly signature: string;
  readonly parameters: string;
  readonly returns: 'trigger' | 'void' | 'boolean' | 'integer' | 'bigint' | 'jsonb';
  readonly language: 'plpgsql' | 'sql';
  readonly immutable: boolean;
  /**
   * Runs as its owner: a writer needs rights on product_reviews only, as before the migration. Nobody else may call it
   * or put it on a table of their own.
   */
  readonly definer: boolean;
  /** Finds tables as its caller does: the backend's need not be where ours are. */
  readonly isOfCaller?: true;
  /** Besides search_path, which all others have: whoever fires them may have another one. */
  readonly settings: Readonly<Record<string, string>>;
  readonly body: string;
}

export const nameOfFunction = ({ signature }: WantedFunction) => signature.slice(0, signature.indexOf('('));

/** @param path the schema of the tables, quoted: with temporary tables last, so that none stands in for a real one */
export function createFunction(wanted: WantedFunction, path: string): string {
  const settings = Object.entries(wanted.settings).map(([setting, value]) => `SET ${setting} = '${value}'`);
  return `
    CREATE OR REPLACE FUNCTION ${nameOfFunction(wanted)}(${wanted.parameters}) RETURNS ${wanted.returns}
    LANGUAGE ${wanted.language} ${wanted.immutable ? 'IMMUTABLE PARALLEL SAFE' : 'VOLATILE'}
    SECURITY ${wanted.definer ? 'DEFINER' : 'INVOKER'} ${wanted.isOfCaller ? '' : `SET search_path = ${path}, pg_temp`} ${settings.join(' ')}
    AS $sidecar$${wanted.body}$sidecar$;
    ${wanted.definer ? `REVOKE ALL ON FUNCTION ${wanted.signature} FROM PUBLIC;` : ''}`;
}

/**
 * At the head of a function of plpgsql: its variables come before columns of the same name. A table of others' may have columns
 * that we know nothing of.
 */
export const VARIABLES_FIRST = '\n  #variable_conflict use_variable\n';
