/** Heads of requests and answers: taken apart, and compared with what became of them. */

export type HeaderPair = readonly [name: string, value: string];

/** Flat pairs, as node:http has them. */
export const pairsOf = (flat: readonly string[]): HeaderPair[] =>
  flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] ?? ''] as const] : []));

/** @param head as on the wire, with its first line */
export function pairsOfHead(head: string): HeaderPair[] {
  const lines = head.split('\r\n').slice(1);
  return lines.flatMap((line) => {
    const colon = line.indexOf(':');
    return colon === -1 ? [] : [[line.slice(0, colon), line.slice(colon + 1).trim()] as const];
  });
}

export const firstLine = (head: string): string => head.slice(0, Math.max(0, head.indexOf('\r\n')));

/** The first value of a header, by any case. */
export const headerValue = (pairs: readonly HeaderPair[], name: string): string | undefined =>
  pairs.find(([n]) => n.toLowerCase() === name)?.[1];

export interface HeaderChange {
  readonly name: string;
  readonly before: string | null;
  readonly after: string | null;
}

/** What is other behind the sidecar than before it; values of one name are taken together. */
export function changesOf(before: readonly HeaderPair[], after: readonly HeaderPair[]): HeaderChange[] {
  const [old, now] = [byName(before), byName(after)];
  const names = [...new Set([...old.keys(), ...now.keys()])];
  return names.flatMap((lower) => {
    const [was, is] = [old.get(lower), now.get(lower)];
    if (was?.value === is?.value) return [];
    return [{ name: is?.name ?? was?.name ?? lower, before: was?.value ?? null, after: is?.value ?? null }];
  });
}

function byName(pairs: readonly HeaderPair[]) {
  const found = new Map<string, { readonly name: string; readonly value: string }>();
  for (const [name, value] of pairs) {
    const lower = name.toLowerCase();
    const earlier = found.get(lower);
    found.set(lower, { name, value: earlier === undefined ? value : `${earlier.value}, ${value}` });
  }
  return found;
}
