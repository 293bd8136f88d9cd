/** A file of reviews into the database: read, checked, written in batches, with a bar on stderr that moves. */
import { statSync } from 'node:fs';
import type { Knex } from 'knex';
import {
  createImporter,
  type Imported,
  type NumberedLine,
} from '../../src/features/reviews/operator/import.ts';
import { lineSchema } from '../../src/features/reviews/operator/line.ts';
import { englishMessage } from '../../src/words/render.ts';
import { linesOf, MAX_LINE_BYTES } from '../lib/lines.ts';
import { createProgress, type Progress } from '../lib/progress.ts';

export interface ImportFileOptions {
  readonly dryRun: boolean;
  readonly out: NodeJS.WriteStream;
}

interface Totals {
  kept: number;
  renumbered: number;
  known: number;
  refused: number;
}

const BATCH = 2_000;

/** @throws Error of the file system or the database; what was written until then stays, and is known the next time */
export async function importFile(
  knex: Knex,
  path: string,
  { dryRun, out }: ImportFileOptions,
): Promise<Totals> {
  const { size } = statSync(path);
  const progress = createProgress(out);
  const importer = await createImporter(knex, { dryRun });
  const totals: Totals = { kept: 0, renumbered: 0, known: 0, refused: 0 };
  const startedAt = performance.now();
  let batch: NumberedLine[] = [];
  let writing: Promise<void> = Promise.resolve();
  const write = async (lines: readonly NumberedLine[], bytesRead: number, number: number) => {
    add(totals, await importer.put(lines), progress);
    const perSecond = Math.round((number / (performance.now() - startedAt)) * 1000);
    progress.show(size === 0 ? 1 : bytesRead / size, `${number} lines, ${perSecond} a second`);
  };
  // The next batch is read and checked while the database writes this one.
  const flush = async (bytesRead: number, number: number) => {
    await writing;
    writing = write(batch, bytesRead, number);
    // It is waited for later; until then a failure is nobody's.
    writing.catch(() => undefined);
    batch = [];
  };
  let last = { bytesRead: size, number: 0 };
  for await (const { number, text, bytesRead } of linesOf(path)) {
    last = { bytesRead, number };
    if (text?.trim() === '') continue;
    const line = parseLine(text);
    if ('problem' in line) refuse(totals, progress, number, line.problem);
    else batch.push({ number, review: line.review });
    if (batch.length === BATCH) await flush(bytesRead, number);
  }
  await flush(last.bytesRead, last.number);
  await writing;
  progress.end();
  return totals;
}

function parseLine(text: string | null): { review: NumberedLine['review'] } | { problem: string } {
  if (text === null) return { problem: `it is longer than ${MAX_LINE_BYTES} bytes, or not valid UTF-8` };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { problem: 'it is not valid JSON' };
  }
  const { success, data, error } = lineSchema.safeParse(value);
  if (success) return { review: data };
  const [issue] = error.issues;
  return {
    problem: [...(issue?.path ?? []).map(String), englishMessage(issue?.message ?? '')].join(': '),
  };
}

function add(totals: Totals, { kept, renumbered, known, refused }: Imported, progress: Progress): void {
  totals.kept += kept;
  totals.renumbered += renumbered;
  totals.known += known;
  for (const { number, reason } of refused) refuse(totals, progress, number, reason);
}

function refuse(totals: Totals, progress: Progress, number: number, reason: string): void {
  totals.refused += 1;
  progress.say(`line ${number}: ${reason}`);
}
