/** The production checks as an operator runs them, with a curl that notes what `ps` would have shown. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export interface ScriptRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Arguments of every curl, a line each. */
  readonly curlArguments: string;
}

const SCRIPTS = resolve(import.meta.dirname, '../../scripts');

/** A run that takes longer hangs, ms. */
const PATIENCE_MS = 60_000;

/** Runs a script in scripts/ with no other settings than these. */
export async function runScript(
  name: string,
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Promise<ScriptRun> {
  const folder = await mkdtemp(join(tmpdir(), 'sidecar-test-smoke-'));
  try {
    const notes = join(folder, 'arguments');
    const path = process.env.PATH ?? '';
    await writeFile(notes, '');
    await writeFile(
      join(folder, 'curl'),
      `#!/bin/sh\nprintf '%s ' "$@" >> '${notes}'; echo >> '${notes}'\nPATH='${path}' exec curl "$@"\n`,
    );
    await chmod(join(folder, 'curl'), 0o755);
    const child = spawn('bash', [join(SCRIPTS, name), ...args], {
      env: { PATH: `${folder}:${path}`, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: PATIENCE_MS,
      killSignal: 'SIGKILL',
    });
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => {
      output.stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      output.stderr += chunk;
    });
    const [status] = await once(child, 'close');
    return { status, ...output, curlArguments: await readFile(notes, 'utf8') };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
