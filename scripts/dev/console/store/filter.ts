/** Which requests the list shows. */
import type { RequestRecord } from './record.ts';

export interface Filter {
  /** Words that must all be there, and, written with `-` before them, must not. */
  readonly text: string;
  /** Whether bodies are looked through as well. */
  readonly inBodies: boolean;
  /** Empty: all. */
  readonly kinds: readonly string[];
  /** `404`, `4xx`, `pending`; empty: all. */
  readonly statuses: readonly string[];
  readonly slowerThanMs: number;
}

/** From the query of a request; what is malformed is as if it were not there. */
export function parseFilter(query: URLSearchParams): Filter {
  const list = (name: string) => (query.get(name) ?? '').split(',').filter((item) => item !== '');
  return {
    text: query.get('q') ?? '',
    inBodies: query.get('bodies') === '1',
    kinds: list('kind'),
    statuses: list('status'),
    slowerThanMs: Number(query.get('slower')) || 0,
  };
}

/** @param bodyText what a body says, decoded */
export function createTest(filter: Filter, bodyText: (record: RequestRecord) => string) {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = words.filter((word) => !word.startsWith('-'));
  const unwanted = words
    .filter((word) => word.length > 1 && word.startsWith('-'))
    .map((word) => word.slice(1));
  return (record: RequestRecord): boolean => {
    if (filter.kinds.length > 0 && !filter.kinds.includes(record.kind)) return false;
    if (filter.statuses.length > 0 && !filter.statuses.some((status) => hasStatus(record, status)))
      return false;
    if (filter.slowerThanMs > 0 && (record.ended?.ms ?? 0) < filter.slowerThanMs) return false;
    if (words.length === 0) return true;
    const text = textOf(record, filter.inBodies ? bodyText : undefined);
    return wanted.every((word) => text.includes(word)) && !unwanted.some((word) => text.includes(word));
  };
}

function hasStatus({ status }: RequestRecord, wanted: string): boolean {
  if (wanted === 'pending') return status === 0;
  return wanted.endsWith('xx') ? String(status).startsWith(wanted.slice(0, 1)) : String(status) === wanted;
}

function textOf(record: RequestRecord, bodyText?: (record: RequestRecord) => string): string {
  const { started, status, user, ended } = record;
  const { method, target, headers } = started;
  const parts = [`#${record.n}`, method, target, status, user ?? '', ended?.requestId ?? '', ...headers];
  return `${parts.join('\n')}\n${record.responseHead}\n${bodyText?.(record) ?? ''}`.toLowerCase();
}
