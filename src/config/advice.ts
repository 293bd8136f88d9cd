/** What starts, and will hardly be what was meant. Pure. */
import type { Config } from './config.ts';

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
