/**
 * Who takes part.
 */
import type { PeerName } from '../options.ts';
import type { Contender } from './contender.ts';
import { findHaproxy } from './haproxy.ts';
import { findNginx } from './nginx.ts';
import { nodePeers } from './node-peers.ts';
import { sidecar } from './sidecar.ts';

/** The sidecar and the wanted peers; what is not on this machine is named and left out. */
export function chooseContenders(wanted: readonly PeerName[], say: (text: string) => void): Contender[] {
  const isWanted = (name: string) => wanted.some((peer) => peer === name);
  const native = Object.entries({ nginx: findNginx, haproxy: findHaproxy }).flatMap(([name, find]) => {
    if (!isWanted(name)) return [];
    const found = find();
    if (found === undefined) say(`${name} is not installed here: left out`);
    return found ?? [];
  });
  return [sidecar, ...nodePeers.filter(({ name }) => isWanted(name)), ...native];
}
