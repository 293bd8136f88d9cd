/** How a feature tells of a change: a row of the outbox, written by the statement that makes the change. */

/**
 * Handed to the features by the composition root. Order per subject holds when whoever writes an event holds the row of
 * the subject: behind its INSERT, UPDATE or SELECT … FOR UPDATE.
 */
export interface EventWriter {
  /**
   * Text for a CTE of the statement that makes the change; it runs although nothing reads it.
   * @param select yields subject, type, data as json, and the time of the change; not run without a webhook
   * @example `WITH changed AS (UPDATE … RETURNING *),
   *   told AS (${insertFrom("SELECT 'upload:' || id, 'upload.ready', json_build_object(…), finished_at FROM changed")})
   *   SELECT … FROM changed`
   */
  insertFrom(select: string): string;
}

/** @param isOn whether a webhook is set: without one nobody would ever take the rows away */
export function createEventWriter(isOn: boolean): EventWriter {
  const insert = 'INSERT INTO sidecar_events (subject, type, data, occurred_at)';
  return {
    // Without a webhook the text stays, so that the statement has the same parameters.
    insertFrom: (select) => (isOn ? `${insert} ${select}` : `SELECT FROM (${select}) AS unheard WHERE false`),
  };
}
