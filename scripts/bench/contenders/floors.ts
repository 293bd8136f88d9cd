/**
 * What Node itself costs: programs in ../peers that do less than any proxy must. They need no package. Being no proxies, they
 * are no goals either: what a peer on Node is held against leaves them out.
 */
import { resolve } from 'node:path';
import { type Contender, startNodeProxy } from './contender.ts';

export const floors: readonly Contender[] = [
  {
    ...floor('floor', 'no proxy: bytes from one node:net socket to another, not looked at; no log'),
    forwardsWebSockets: true,
  },
  floor('floor-http', 'node:http for the client, node:net to the backend; nothing is checked; no log'),
];

export const refusalFloor: Contender = floor('floor-refusal', 'node:http, one constant for all; no log');

function floor(name: string, setup: string): Contender {
  const program = resolve(import.meta.dirname, '../peers', `${name}.mjs`);
  return {
    name,
    version: process.version,
    kind: 'native',
    forwardsWebSockets: false,
    setup,
    start: (place) =>
      startNodeProxy(place, (port) => ({
        args: [program],
        env: { NODE_ENV: 'production', PORT: String(port), UPSTREAM_PORT: String(place.upstreamPort) },
      })),
  };
}
