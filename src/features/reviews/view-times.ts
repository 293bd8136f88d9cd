/** Times as JSON, in SQL: ISO 8601 in UTC, as the session is (infra/postgres/connection.ts), with three digits of a second. */

/**
 * For a column: where most times lie a third of what to_char() costs. Half a millisecond off makes of rounding a cut, in times after 2000, which
 * PostgreSQL counts from; a microsecond more, and there always are six digits, of which the first three are taken.
 * @param time SQL of a timestamptz, which stands here several times; infinite or null: null
 */
export const timeJson = (time: string) => `CASE WHEN ${time} BETWEEN '2001-01-01' AND '9999-12-31'
    THEN to_json((${time} - interval '500 microseconds')::timestamptz(3) + interval '1 microsecond')::varchar(24) || 'Z"'
    ELSE ${anyTimeJson(time)} END`;

/** The same for an expression that should stand here once. */
export const anyTimeJson = (time: string) =>
  `'"' || to_char(${time}, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || '"'`;

/**
 * Of a column that is text: without a zone it is UTC (docs/contract.md, 4); null where nobody can read it, rather than an error. CASE, since
 * AND promises no order.
 */
export const timeOfText = (column: string) => {
  const text = `${column}::text`;
  return `CASE
    WHEN ${text} !~* '^\\s*[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+){0,1}){0,1}){0,1}\\s*(Z|[+-](0[0-9]|1[0-4])(:{0,1}[0-5][0-9]){0,1}){0,1}\\s*$'
      OR btrim(${text}) LIKE '0000%' THEN NULL
    WHEN substr(btrim(${text}), 9, 2)::integer
       > extract(day FROM make_date(left(btrim(${text}), 4)::integer, substr(btrim(${text}), 6, 2)::integer, 1)
                          + interval '1 month - 1 day') THEN NULL
    ELSE ${column}::timestamptz END`;
};
