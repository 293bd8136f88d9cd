/**
 * How much one user may do in any 60 s, exact for all processes and machines: the moments of what was accepted, in the user's row,
 * behind whose lock they are looked at and added to. Times to come are those of a clock that went wrong.
 */
import type { WantedFunction } from '../tables/functions.ts';

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
    /** How long the user has to wait, s; null: not at all. Locks the row. */
    signature: 'product_review_pace_wait(bigint,text,integer)',
    parameters: 'whose bigint, what text, per_minute integer',
    returns: 'integer',
    body: `
  DECLARE
    recent timestamptz[];
  BEGIN
    IF per_minute = 0 THEN
      RETURN NULL;
    END IF;
    FOR look IN 1..2 LOOP
      SELECT accepted INTO recent FROM product_review_pace WHERE user_id = whose AND kind = what FOR UPDATE;
      EXIT WHEN FOUND;
      INSERT INTO product_review_pace (user_id, kind, accepted) VALUES (whose, what, '{}') ON CONFLICT DO NOTHING;
    END LOOP;
    IF cardinality(recent) >= per_minute THEN
      recent := ARRAY(SELECT moment FROM unnest(recent) AS moment WHERE ${LAST_MINUTE} ORDER BY moment);
    END IF;
    IF cardinality(recent) < per_minute THEN
      RETURN NULL;
    END IF;
    RETURN least(60, greatest(1, ceil(extract(epoch FROM
             recent[cardinality(recent) - per_minute + 1] + interval '1 minute' - clock_timestamp()))));
  END`,
  },
  {
    ...plain,
    signature: 'product_review_pace_count(bigint,text,integer)',
    parameters: 'whose bigint, what text, per_minute integer',
    returns: 'void',
    body: `
  BEGIN
    IF per_minute > 0 THEN
      UPDATE product_review_pace
         SET accepted = ARRAY(SELECT moment FROM unnest(accepted) AS moment WHERE ${LAST_MINUTE} ORDER BY moment)
                        || clock_timestamp()
       WHERE user_id = whose AND kind = what;
    END IF;
  END`,
  },
];
