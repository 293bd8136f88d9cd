/** What is not as wanted.ts says, in sentences; pure. All of it repair.ts puts right. */
import type { Facts } from './facts.ts';
import { FUNCTIONS } from './functions.ts';
import { OWN_TABLES } from './own-tables.ts';
import { FORMER_TRIGGERS, INDEXES, nameOf, OUR_COLUMNS, TRIGGERS } from './wanted.ts';
import type { WantedFunction } from './wanted-function.ts';

const REVIEWS = 'product_reviews';

const ofReviews = ({ columns }: Facts) => columns.filter(({ table }) => table === REVIEWS);

export function problems(facts: Facts): string[] {
  return [
    ...tableProblems(facts),
    ...(REVIEWS in facts.tables && !isIdFilled(facts) ? ['id has no default'] : []),
    ...INDEXES.filter(({ table }) => table in facts.tables)
      .filter((wanted) => !hasIndex(facts, wanted.table, wanted.definition))
      .map(({ table, name, definition }) => `the index ${name ?? definition} on ${table} is missing`),
    ...functionProblems(facts),
    ...triggerProblems(facts),
  ];
}

/** Something that keeps them was not as it must be, so that nobody knows what was written meanwhile. */
export const figuresMayBeWrong = (facts: Facts): boolean =>
  [tableProblems, functionProblems, triggerProblems].some((find) => find(facts).length > 0);

const functionProblems = (facts: Facts) =>
  FUNCTIONS.map((wanted) => functionProblem(facts, wanted)).filter((one) => one !== null);

function tableProblems(facts: Facts): string[] {
  const found: string[] = [];
  if (!(REVIEWS in facts.tables)) found.push(`the table ${REVIEWS} is missing`);
  else if (lacksColumns(facts)) found.push('a column of ours is missing or is not as it must be');
  for (const name of Object.keys(OWN_TABLES)) {
    if (!(name in facts.tables)) found.push(`the table ${name} is missing`);
    else if (!isOwnTableRight(facts, name)) found.push(`the table ${name} is not as it must be`);
  }
  return found;
}

export function lacksColumns(facts: Facts): boolean {
  const ours = ofReviews(facts).filter(({ name }) => name in OUR_COLUMNS);
  const superseded = ours.find(({ name }) => name === 'superseded_at');
  return (
    ours.length < Object.keys(OUR_COLUMNS).length ||
    ours.some(({ notNull }) => notNull) ||
    superseded?.default !== 'now()'
  );
}

/** Its columns, and the primary key or other index that goes with them. More columns are a newer release's. */
export const isOwnTableRight = (facts: Facts, table: string): boolean =>
  isOwnTableMendable(facts, table) &&
  missingColumns(facts, table).length === 0 &&
  missingIndexes(facts, table).length === 0 &&
  isIdentityRight(facts, table);

/** Nothing has to be changed that is there. */
export const isOwnTableMendable = (facts: Facts, table: string): boolean =>
  facts.tables[table] === 'r' &&
  columnsOf(facts, table).every(({ name, type }) => {
    const wanted = OWN_TABLES[table]?.columns[name];
    return wanted === undefined || wanted[0] === type;
  });

const columnsOf = (facts: Facts, table: string) => facts.columns.filter((column) => column.table === table);

export const missingColumns = (facts: Facts, table: string): string[] =>
  Object.keys(OWN_TABLES[table]?.columns ?? {}).filter(
    (wanted) => !columnsOf(facts, table).some(({ name }) => name === wanted),
  );

export const missingIndexes = (facts: Facts, table: string) =>
  INDEXES.filter((index) => index.table === table && !hasIndex(facts, table, index.definition));

export const isIdentityRight = (facts: Facts, table: string): boolean =>
  columnsOf(facts, table).every(({ name, filled }) => name !== 'id' || filled);

/** A table that was copied back (CREATE TABLE … AS) has lost its default. */
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
function attributesOf(
  { language, immutable, definer, isOfCaller, settings }: WantedFunction,
  path: string,
): string {
  const config = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  return [
    language,
    immutable ? 'i' : 'v',
    definer ? 't' : 'f',
    ...(isOfCaller ? [] : [`search_path=${path.replaceAll('"', '')}, pg_temp`]),
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
