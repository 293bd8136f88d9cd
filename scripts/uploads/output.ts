/** What the commands print: lines for people and for `cut`, JSON for programs. */
import { toUpload, type UploadRow } from '../../src/features/uploads/upload.ts';
import type { CheckResult } from './check.ts';
import { statusOf } from './check.ts';
import type { OrphansReport } from './orphans.ts';

/** `ok  upload: …`, and how to mend it below. */
export function describeResult({ name, status, text, remedy }: CheckResult): string {
  const line = `${status.padEnd(15)}  ${name}: ${text}`;
  return remedy === null ? line : `${line}\n${' '.repeat(17)}→ ${remedy}`;
}

export const resultsAsJson = (results: readonly CheckResult[]): string =>
  JSON.stringify(
    { status: (['ok', 'wrong', 'could not check'] as const)[statusOf(results)], results },
    null,
    2,
  );

/** Of what others have named, nothing may look like another field or command the terminal. */
export const tabbed = (fields: readonly string[]): string =>
  fields.map((field) => field.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, escaped)).join('\t');

const escaped = (char: string) => `\\u{${char.codePointAt(0)?.toString(16)}}`;

export const uploadLine = (row: UploadRow): string =>
  tabbed([
    ...[row.id, row.created_at.toISOString(), row.user_id, row.kind],
    ...[
      row.reason === null ? row.status : `${row.status} ${row.reason}`,
      row.size_bytes,
      row.key,
      row.filename,
    ],
  ]);

/** Like the answer of GET /api/uploads to an admin, and whose they are. */
export const pageAsJson = (
  { rows, nextCursor }: { readonly rows: readonly UploadRow[]; readonly nextCursor: string | null },
  publicUrl: (key: string) => string,
): string => {
  const items = rows.map((row) => ({ ...toUpload(row, publicUrl), user_id: Number(row.user_id) }));
  return JSON.stringify({ items, next_cursor: nextCursor }, null, 2);
};

export function describeOrphans(report: OrphansReport, isDelete: boolean): string {
  const { objects, orphans, before, after, finished, deleted, young, missing } = report;
  return [
    `${objects} objects: ${orphans} without a row, ${finished} of uploads that are over${isDelete ? `; ${deleted} deleted` : ''}.`,
    `${young} more would be, and are younger than a day. ${missing} uploads are ready and have no object.`,
    ...(before === 0 ? [] : [`${before} of those without a row are from before the rows: ${BEFORE}`]),
    ...(after === 0 ? [] : [`${after} of those without a row are from after the rows: ${AFTER}`]),
    ...(isDelete || orphans + finished === 0 ? [] : ['Nothing was deleted: --delete does that.']),
  ].join('\n');
}

const BEFORE =
  'put before the first upload that the database knows, as by a release that kept no rows (0.1.0), whose files are shown by products ' +
  'still. Only --delete --trust-database removes them.';
const AFTER =
  'put after the last upload that the database knows, as in a time that a restored copy does not know. Only --delete ' +
  '--trust-database removes them.';
