/**
 * Why a database cannot hold our reviews as it is, in sentences; pure. What an operator has to mend: it is about what
 * the old module or the backend has made, or about rights.
 */
import { MAX_TEXT_LENGTH } from '../schema.ts';
import type { ColumnFacts, Facts } from './facts.ts';
import { FUNCTIONS } from './functions.ts';
import { OLD_COLUMNS, OUR_COLUMNS, RIGHTS, type WantedColumn } from './wanted.ts';

export interface Refusal {
  readonly problem: string;
  /** What would put it right, in SQL if that can be said. */
  readonly remedy: string;
}

const ALTER = 'ALTER TABLE product_reviews ALTER COLUMN';

/** Of the table, or of the session that would make it. */
export function refusals(facts: Facts): Refusal[] {
  const found: Refusal[] = [];
  const refuse = (problem: string, remedy: string) => void found.push({ problem, remedy });
  const kind = facts.tables.product_reviews;
  if (facts.schema === null) refuse('no schema of the search_path exists', 'create one, or put it right');
  if (facts.readOnly) refuse('the database takes no writes', 'it is a standby, or its disk is full');
  if (facts.replica) {
    refuse(
      `triggers do not fire for the role ${facts.role}`,
      `ALTER ROLE ${facts.role} RESET session_replication_role`,
    );
  }
  if (facts.rowSecurity) {
    refuse(`row level security hides rows from the role ${facts.role}`, `ALTER ROLE ${facts.role} BYPASSRLS`);
  }
  if (kind === undefined) return found;
  if (kind !== 'r') refuse('it is no ordinary table', 'give it another name');
  return [...found, ...columnRefusals(facts.columns.filter(({ table }) => table === 'product_reviews'))];
}

function columnRefusals(columns: readonly ColumnFacts[]): Refusal[] {
  const ofOld = Object.entries(OLD_COLUMNS).map(([name, wanted]) =>
    columnRefusal(
      name,
      wanted,
      columns.find((column) => column.name === name),
    ),
  );
  return [...ofOld, ...columns.map(otherColumnRefusal)].filter((refusal) => refusal !== null);
}

function columnRefusal(
  name: string,
  { types, minLength = 0 }: WantedColumn,
  column: ColumnFacts | undefined,
): Refusal | null {
  const [best] = types;
  if (column === undefined) {
    return {
      problem: `${name} is missing`,
      remedy: `ALTER TABLE product_reviews ADD COLUMN ${name} ${best}`,
    };
  }
  if (!types.includes(column.type)) {
    return {
      problem: `${name} is ${column.type} instead of ${best}`,
      remedy: `${ALTER} ${name} TYPE ${best} USING ${name}::${best}`,
    };
  }
  if (column.maxLength === null || column.maxLength >= minLength) return null;
  return {
    problem: `${name} holds ${column.maxLength} characters and needs ${minLength}`,
    remedy: `${ALTER} ${name} TYPE varchar(${minLength})`,
  };
}

/** Our own, should somebody have made one before us, and those that the store leaves out. */
function otherColumnRefusal(column: ColumnFacts): Refusal | null {
  const { name, notNull, filled } = column;
  const ours = OUR_COLUMNS[name];
  if (ours !== undefined) return columnRefusal(name, ours, column);
  const remedy = `${ALTER} ${name} DROP NOT NULL`;
  // The store gives every column of the old module's a value, which for a blank text is null.
  if (name === 'text') return notNull ? { problem: 'text is NOT NULL', remedy } : null;
  if (!notNull || filled || name in OLD_COLUMNS) return null;
  return { problem: `${name} is NOT NULL without a default`, remedy };
}

/** What a role lacks, once everything is there: ours, or the one that the functions run as. */
export function missingRights(facts: Facts): Refusal[] {
  const { role, sequence } = facts;
  const found = RIGHTS.filter(
    ([right, table]) => table in facts.tables && !facts.rights.includes(`${right} ${table}`),
  ).map(([right, table]) => ({
    problem: `the role ${role} may not ${right} ${table}`,
    remedy: `GRANT ${right} ON ${table} TO ${role}`,
  }));
  if (!facts.mayUseSequence) {
    found.push({
      problem: `the role ${role} may not use ${sequence}`,
      remedy: `GRANT USAGE ON SEQUENCE ${sequence} TO ${role}`,
    });
  }
  for (const { signature } of FUNCTIONS) {
    if (facts.functions.some((there) => there.signature === signature && !there.ownerMay)) {
      found.push({
        problem: `the owner of the function ${signature} may not write reviews`,
        remedy: `ALTER FUNCTION ${signature} OWNER TO ${role}`,
      });
    }
  }
  return found;
}

/** What works, though not as far as it should. */
export function advice({ columns, encoding }: Facts): string[] {
  const text = columns.find(({ table, name }) => table === 'product_reviews' && name === 'text');
  const length = text?.maxLength ?? MAX_TEXT_LENGTH;
  return [
    ...(length < MAX_TEXT_LENGTH
      ? [`reviews longer than ${length} characters are refused (${ALTER} text TYPE text)`]
      : []),
    ...(['UTF8', 'SQL_ASCII'].includes(encoding)
      ? []
      : [`reviews with characters that ${encoding} does not have are refused`]),
  ];
}
