/** Faults on a switch: what is done to requests of chosen paths, and which parts are away. */
export const FAULT_KINDS = ['delay', 'error', 'cut', 'trickle', 'answer'] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

export interface FaultRule {
  readonly id: string;
  readonly isOn: boolean;
  /** '' for any. */
  readonly method: string;
  /** Path without its query; `*` stands for anything. */
  readonly path: string;
  readonly kind: FaultKind;
  /** Of `delay`. */
  readonly delayMs: number;
  /** Of `cut`: bytes of the body that still come. */
  readonly afterBytes: number;
  /** Of `trickle`. */
  readonly bytesPerSecond: number;
  /** Of `answer`; `error` is a 502. */
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

export interface Faults {
  readonly rules: readonly FaultRule[];
  readonly away: { readonly database: boolean; readonly storage: boolean };
}

export const NO_FAULTS: Faults = { rules: [], away: { database: false, storage: false } };

/** How many are on. */
export const activeFaults = ({ rules, away }: Faults): number =>
  rules.filter(({ isOn }) => isOn).length + Number(away.database) + Number(away.storage);

/** The first rule that is on and means this request. @param target as received */
export function faultFor({ rules }: Faults, method: string, target: string): FaultRule | undefined {
  if (rules.length === 0) return undefined;
  const path = target.replace(/[?#].*/, '');
  return rules.find(
    (rule) => rule.isOn && (rule.method === '' || rule.method === method) && matches(rule.path, path),
  );
}

function matches(pattern: string, path: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's').test(path);
}

const MAX_RULES = 50;
const MAX_DELAY_MS = 600_000;

/** What the page sends. @throws Error with a sentence */
export function parseFaults(value: unknown): Faults {
  const { rules, away } = (value ?? {}) as {
    rules?: unknown;
    away?: { database?: unknown; storage?: unknown };
  };
  if (!Array.isArray(rules) || rules.length > MAX_RULES)
    throw new Error(`"rules" must be a list of at most ${MAX_RULES}.`);
  return {
    rules: rules.map((rule, i) => parseRule(rule ?? {}, i)),
    away: { database: away?.database === true, storage: away?.storage === true },
  };
}

function parseRule(given: Record<string, unknown>, i: number): FaultRule {
  const kind = FAULT_KINDS.find((name) => name === given.kind);
  if (kind === undefined) throw new Error(`"kind" must be one of ${FAULT_KINDS.join(', ')}.`);
  const path = String(given.path ?? '');
  if (!path.startsWith('/') && !path.startsWith('*')) throw new Error('The path must begin with / or *.');
  const number = (name: string, least: number, most: number, otherwise: number): number => {
    const value = Number(given[name] ?? otherwise);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new Error(`"${name}" must be a whole number from ${least} to ${most}.`);
  };
  return {
    ...{ id: String(given.id ?? i), isOn: given.isOn === true, kind, path },
    method: String(given.method ?? '').toUpperCase(),
    delayMs: number('delayMs', 0, MAX_DELAY_MS, 1_000),
    afterBytes: number('afterBytes', 0, Number.MAX_SAFE_INTEGER, 0),
    bytesPerSecond: number('bytesPerSecond', 1, 1e9, 100),
    status: number('status', 200, 599, 200),
    headers: parseHeaders(given.headers),
    body: String(given.body ?? ''),
  };
}

function parseHeaders(given: unknown): FaultRule['headers'] {
  if (given === undefined) return [];
  if (!Array.isArray(given)) throw new Error('"headers" must be a list of pairs.');
  return given.map((pair) => {
    const [name, value] = Array.isArray(pair) ? pair.map(String) : [];
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name ?? ''))
      throw new Error(`"${name}" is no name of a header.`);
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value ?? '')) throw new Error(`The value of ${name} is not valid.`);
    return [name ?? '', value ?? ''] as const;
  });
}
