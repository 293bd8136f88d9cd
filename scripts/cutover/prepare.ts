/** All that can be known before anything is changed. */
import { type NginxFacts, namesOf } from '../lib/nginx-command.ts';
import { runProgram } from '../lib/run-program.ts';
import { ask, describeAnswer, problemOf, type Side, type Sighting, whoAnswers } from '../lib/who-answers.ts';
import { SMOKE_COMMAND, smokeEnv } from './checks.ts';
import type { Stage } from './stage.ts';
import type { UpstreamLine } from './upstream-line.ts';
import { Refusal } from './words.ts';

export interface Plan {
  /** As the file has it now. */
  readonly line: UpstreamLine;
  readonly before: Sighting;
  readonly facts: NginxFacts;
}

/** @throws Refusal when the switch had better not begin; nothing is changed then */
export async function prepare(target: Side, stage: Stage): Promise<Plan> {
  const { file, say, words, options, signal } = stage;
  const line = file.read();
  say(words.fileSays(file.path, line));
  file.checkWritable();
  const facts = await readNginx(stage);
  signal.throwIfAborted();
  const before = await whoAnswers(options.entrance, { signal });
  say(words.whoAnswers(options.entrance.url.origin, before));
  // A 5xx is Nginx's own when it finds nobody. All else that is neither comes from somewhere else.
  const isSeen = before.who !== 'unknown' || (before.status ?? 0) >= 500;
  if (target === 'sidecar') {
    if (!isSeen) throw new Refusal(words.cannotSee(options.entrance.url.origin));
    await checkSidecar(stage);
  }
  if (options.smoke) await checkSmokeSettings(target, stage);
  signal.throwIfAborted();
  return { line, before, facts };
}

async function readNginx({ nginx, file, say, words, signal }: Stage): Promise<NginxFacts> {
  const test = await nginx.test(signal);
  signal.throwIfAborted();
  if (!test.ok) throw new Refusal(words.badConfiguration(test.words));
  say(words.configurationIsGood);
  const facts = await nginx.facts().catch((error) => {
    throw new Refusal(words.badConfiguration(problemOf(error)));
  });
  const names = namesOf(facts, file.realPath);
  if (names.length === 0) throw new Refusal(words.notRead(file.path, nginx.commandLine));
  if (names.length > 1) throw new Refusal(words.readTwice(file.path, names));
  return facts;
}

/** Asked directly: is it there, of this release, and ready? */
async function checkSidecar({ options, say, words, signal }: Stage): Promise<void> {
  const port = options.ports.sidecar;
  const entrance = { url: new URL(`http://127.0.0.1:${port}`) };
  const { who, said } = await whoAnswers(entrance, { signal });
  if (who !== 'sidecar') throw new Refusal(words.notTheSidecar(port, said));
  const readiness = await ask(entrance, '/readyz', { signal }).catch(problemOf);
  signal.throwIfAborted();
  if (typeof readiness !== 'string' && readiness.status === 200) return say(words.sidecarIsReady(port));
  say(words.sidecarIsNotReady(port, typeof readiness === 'string' ? readiness : describeAnswer(readiness)));
  if (!options.force) throw new Refusal(words.notReady);
  say(words.forced);
}

/** A slip in a setting must not undo a switch that is done. */
async function checkSmokeSettings(target: Side, { words, signal }: Stage): Promise<void> {
  const command = [...SMOKE_COMMAND, '--check-settings'];
  const { status, stderr } = await runProgram(command, { env: smokeEnv(target), signal });
  signal.throwIfAborted();
  if (status !== 0) throw new Refusal(words.smokeSettings(stderr.trim()));
}
