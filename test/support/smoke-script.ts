/** The production checks as an operator runs them, with a curl that notes what `ps` would have shown. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { runToEnd } from '../../scripts/lab/programs.ts';
import { makeScratchFolder } from '../../scripts/lab/scratch-folder.ts';

export type ScriptRun = Awaited<ReturnType<typeof runScript>>;

const SCRIPTS = resolve(import.meta.dirname, '../../scripts');

/** Runs a script in scripts/ with no other settings than these. @returns `curlArguments` those of every curl, a line each */
export async function runScript(
  name: string,
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
) {
  const folder = makeScratchFolder('test-smoke');
  const notes = folder.at('arguments');
  const path = process.env.PATH ?? '';
  const noteAndRun = `printf '%s ' "$@" >> '${notes}'; echo >> '${notes}'\nPATH='${path}' exec curl "$@"\n`;
  writeFileSync(notes, '');
  writeFileSync(folder.at('curl'), `#!/bin/sh\n${noteAndRun}`, { mode: 0o755 });
  const run = await runToEnd('bash', [join(SCRIPTS, name), ...args], {
    PATH: `${folder.path}:${path}`,
    ...env,
  });
  const curlArguments = readFileSync(notes, 'utf8');
  folder.remove();
  return { ...run, curlArguments };
}
