/** Who gets the requests, the sidecar or the backend: one line of Nginx's configuration, changed, checked, and changed back. */
import { rmSync } from 'node:fs';
import { parseOptions } from './cutover/options.ts';
import type { Stage } from './cutover/stage.ts';
import { OUR_NAME, showStatus } from './cutover/status.ts';
import { EX_FAILED, switchTo } from './cutover/switch.ts';
import { openUpstreamFile } from './cutover/upstream-file.ts';
import { Refusal, type Words, wordsIn } from './cutover/words.ts';
import { fail, readCommandLine } from './lib/command-line.ts';
import { languageOf } from './lib/language.ts';
import { createNginx } from './lib/nginx-command.ts';
import { takeProcessLock } from './lib/process-lock.ts';
import { problemOf } from './lib/who-answers.ts';

const words = wordsIn(languageOf(process.env));

async function main(): Promise<void> {
  const options = readCommandLine(words.help, () => parseOptions(process.argv.slice(2), process.env, words));
  if (options === null) return;
  const stop = new AbortController();
  const stage: Stage = {
    ...{ options, words },
    nginx: createNginx(options.nginx),
    file: openUpstreamFile(options.conf, options.ports, words),
    say: (line) => void process.stdout.write(`${line}\n`),
    complain: (text) => void process.stderr.write(`${text}\n`),
    signal: stop.signal,
  };
  if (options.to === null) return showStatus(stage);
  // From here on no signal ends us but by our own hand. npm passes Ctrl-C on, so that it comes twice.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
  if (!options.dryRun) await takeLock(stage, words);
  process.exitCode = await switchTo(options.to, stage);
}

/** Until the end of the process. @throws Refusal naming who has it */
async function takeLock({ file }: Stage, { lockHeld, cannotUse }: Words): Promise<void> {
  // A file that is not there, or not ours to change, is told in these words rather than the lock's.
  file.read();
  const holder = await takeProcessLock(file.lockPath, OUR_NAME).catch((error) => {
    throw new Refusal(cannotUse(file.lockPath, problemOf(error)));
  });
  if (holder !== null) throw new Refusal(lockHeld(holder));
  process.on('exit', () => rmSync(file.lockPath, { force: true }));
}

// A reader that has gone, `| tee` under Ctrl-C or a terminal that was closed, must not end us in the middle.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
main().catch((error) => fail(EX_FAILED, error instanceof Refusal ? error.message : problemOf(error)));
