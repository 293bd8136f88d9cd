/** What is not as wanted.ts says, in sentences; pure. All of it repair.ts puts right. */
import type { Facts } from './facts.ts';
import { FUNCTIONS, type WantedFunction } from './functions.ts';
import { FORMER_TRIGGERS, INDEXES, nameOf, OUR_COLUMNS, OWN_TABLES, TRIGGERS } from './wanted.ts';

const REVIEWS = 'product_reviews';

const ofReviews = ({ columns }: Facts) => columns.filter(({ table }) => table === REVIEWS);

export function problems(facts: Facts): string[] {
  return [
    ...tableProblems(facts),
    ...idProblems(facts),
    ...INDEXES.filter(({ table }) => table in facts.tables)
      .filter((wanted) => !hasIndex(facts, wanted.table, wanted.definition))
      .map(({ table, name, definition }) => `the index ${name ?? definition} on ${table} is missing`),
    ...FUNCTIONS.map((wanted) => functionProblem(facts, wanted)).filter((one) => one !== null),
    ...triggerProblems(facts),
  ];
}

function tableProblems(facts: Facts): string[] {
  const found: string[] = [];
  if (!(REVIEWS in facts.tables)) found.push(`the table ${REVIEWS} is missing`);
  else if (lacksColumns(facts)) found.push('edited_at or superseded_at is not as it must be');
  for (const name of Object.keys(OWN_TABLES)) {
    if (!(name in facts.tables)) found.push(`the table ${name} is missing`);
    else if (!isOwnTableRight(facts, name)) found.push(`the table ${name} is not as it must be`);
  }
  return found;
}

export function lacksColumns(facts: Facts): boolean {
  const ours = ofReviews(facts).filter(({ name }) => OUR_COLUMNS.includes(name));
  const superseded = ours.find(({ name }) => name === 'superseded_at');
  return (
    ours.length < OUR_COLUMNS.length || ours.some(({ notNull }) => notNull) || superseded?.default !== 'now()'
  );
}

/** Its columns, and the primary key or other index that goes with them. */
export function isOwnTableRight(facts: Facts, table: string): boolean {
  const columns = facts.columns.filter((column) => column.table === table);
  const wanted = Object.entries(OWN_TABLES[table]?.columns ?? {});
  return (
    facts.tables[table] === 'r' &&
    columns.length === wanted.length &&
    wanted.every(([name, type]) => columns.some((column) => column.name === name && column.type === type)) &&
    INDEXES.filter((index) => index.table === table).every((index) =>
      hasIndex(facts, table, index.definition),
    ) &&
    columns.every(({ name, filled }) => name !== 'id' || filled)
  );
}

/** A table that was copied back (CREATE TABLE … AS) has lost both. */
function idProblems(facts: Facts): string[] {
  if (!(REVIEWS in facts.tables)) return [];
  return [
    ...(isIdUnique(facts) ? [] : ['id is not unique']),
    ...(isIdFilled(facts) ? [] : ['id has no default']),
  ];
}

export const isIdUnique = (facts: Facts) => hasIndex(facts, REVIEWS, 'UNIQUE btree (id)');
export const isIdFilled = (facts: Facts) =>
  ofReviews(facts).some(({ name, filled }) => name === 'id' && filled);

export const hasIndex = ({ indexes }: Facts, table: string, definition: string) =>
  indexes.some((index) => index.valid && index.table === table && index.definition === definition);

export function functionProblem(facts: Facts, wanted: WantedFunction): string | null {
  const found = facts.functions.find(({ signature }) => signature === wanted.signature);
  if (found === undefined) return `the function ${wanted.signature} is missing`;
  const isRight =
    found.source === wanted.body &&
    found.attributes === attributesOf(wanted, facts.path ?? '') &&
    !(wanted.definer && found.isPublic);
  return isRight ? null : `the function ${wanted.signature} is not this release's`;
}

/** As facts.ts has them, without quotes. */
function attributesOf({ language, immutable, definer, settings }: WantedFunction, path: string): string {
  const config = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  return [
    language,
    immutable ? 'i' : 'v',
    definer ? 't' : 'f',
    `search_path=${path.replaceAll('"', '')}, pg_temp`,
    ...config,
  ].join(' ');
}

function triggerProblems(facts: Facts): string[] {
  const found: string[] = [];
  for (const definition of TRIGGERS) {
    const name = nameOf(definition);
    const there = facts.triggers.find((trigger) => trigger.name === name);
    if (there === undefined) found.push(`the trigger ${name} is missing`);
    else if (there.definition !== definition) found.push(`the trigger ${name} is not this release's`);
    else if (!there.enabled) found.push(`the trigger ${name} is switched off`);
  }
  const left = facts.triggers.filter(({ name }) => FORMER_TRIGGERS.includes(name));
  return [...found, ...left.map(({ name }) => `the trigger ${name} of an earlier release is there`)];
}
