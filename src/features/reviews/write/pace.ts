/**
 * How much one user may do in any 60 s, exact for all processes and machines: the moments of what was accepted, in the user's row,
 * behind whose lock they are looked at and added to. Times to come are those of a clock that went wrong.
 */
import type { WantedFunction } from '../tables/wanted-function.ts';

const plain = {
  language: 'plpgsql',
  immutable: false,
  definer: false,
  settings: {},
  isOfCaller: true,
} as const;
const LAST_MINUTE = `moment > clock_timestamp() - interval '1 minute' AND moment <= clock_timestamp()`;

export const PACE_FUNCTIONS: readonly WantedFunction[] = [
  {
    ...plain,
    /** Counts one more: null. Or how long the user has to wait, s, and nothing is counted. Locks the row in any case. */
    signature: 'product_review_pace_take(bigint,text,integer)',
    parameters: 'whose bigint, what text, per_minute integer',
    returns: 'integer',
    body: `
  DECLARE
    recent timestamptz[];
  BEGIN
    IF per_minute = 0 THEN
      RETURN NULL;
    END IF;
    INSERT INTO product_review_pace AS pace (user_id, kind, accepted) VALUES (whose, what, ARRAY[clock_timestamp()])
        ON CONFLICT (user_id, kind) DO UPDATE
       SET accepted = ARRAY(SELECT moment FROM unnest(pace.accepted) AS moment WHERE ${LAST_MINUTE} ORDER BY moment)
                      || clock_timestamp()
     WHERE cardinality(pace.accepted) < per_minute
        OR (SELECT count(*) FROM unnest(pace.accepted) AS moment WHERE ${LAST_MINUTE}) < per_minute;
    IF FOUND THEN
      RETURN NULL;
    END IF;
    recent := ARRAY(SELECT moment FROM product_review_pace AS pace CROSS JOIN LATERAL unnest(pace.accepted) AS moment
                     WHERE pace.user_id = whose AND pace.kind = what AND ${LAST_MINUTE} ORDER BY moment);
    RETURN least(60, greatest(1, ceil(extract(epoch FROM
             recent[cardinality(recent) - per_minute + 1] + interval '1 minute' - clock_timestamp()))));
  END`,
  },
  {
    ...plain,
    /** What was counted last was refused after all. */
    signature: 'product_review_pace_return(bigint,text,integer)',
    parameters: 'whose bigint, what text, per_minute integer',
    returns: 'void',
    body: `
  BEGIN
    IF per_minute > 0 THEN
      UPDATE product_review_pace AS pace SET accepted = pace.accepted[:cardinality(pace.accepted) - 1]
       WHERE pace.user_id = whose AND pace.kind = what;
    END IF;
  END`,
  },
];
