/** What starts, and will hardly be what was meant. Pure. */
import type { Config } from './config.ts';

/** `engines` of package.json: the majors that are tested, and the least minor of each. */
const TESTED_NODES: Readonly<Record<string, number>> = { 24: 9, 26: 10 };

/**
 * Since Node 22.18 strips types, an untested one no longer fails at the first file.
 * @param version `process.versions.node`
 */
export function nodeAdvice(version: string): string[] {
  const [major = '', minor] = version.split('.');
  if (Number(minor) >= (TESTED_NODES[major] ?? Number.POSITIVE_INFINITY)) return [];
  const tested = Object.entries(TESTED_NODES).map(([known, least]) => `${known} (from ${known}.${least})`);
  return [
    `Node ${version} is none that the sidecar is tested with, which are ${tested.join(' and ')}: npm ci brings one, node_modules/.bin/node`,
  ];
}

/** @returns whole sentences, without values that may be secret */
export function configAdvice({ database }: Pick<Config, 'database'>): string[] {
  const { otherHosts, targetSession } = database;
  if (['read-write', 'primary'].includes(targetSession)) return [];
  if (targetSession === 'any' && otherHosts.length === 0) return [];
  const why =
    targetSession === 'any'
      ? 'DATABASE_URL names several hosts and takes any of them, a standby too'
      : `DATABASE_URL looks for a standby or a closed database first (target_session_attrs=${targetSession})`;
  return [`${why}: everything that writes is 503 there. Add target_session_attrs=read-write`];
}
