/** `--status`: what is, and what is still under way. Changes nothing. */
import { processIn } from '../lab/proc.ts';
import { type Side, whoAnswers } from '../lib/who-answers.ts';
import { connectionsTo } from './old-connections.ts';
import type { Stage } from './stage.ts';
import { Refusal } from './words.ts';

/** A process that holds the lock is known by this. */
export const OUR_NAME = 'cutover.ts';

export async function showStatus(stage: Stage): Promise<void> {
  const { options, words, say, file, signal } = stage;
  const line = readLine(stage);
  if (line !== null) say(words.fileSays(file.path, line));
  const { entrance } = options;
  const sighting = await whoAnswers(entrance, { signal });
  say(words.whoAnswers(entrance.url.origin, sighting));
  if (line !== null && sighting.who !== 'unknown')
    say(line.side === sighting.who ? words.fileAndTruthAgree : words.fileAndTruthDiffer(line.side));
  const holder = processIn(file.lockPath, OUR_NAME);
  if (holder !== null) say(words.underWay(holder));
  const here = sighting.who === 'unknown' ? line?.side : sighting.who;
  if (here !== undefined) say(await describeOld(here === 'sidecar' ? 'backend' : 'sidecar', stage));
}

function readLine({ file, say }: Stage) {
  try {
    return file.read();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    say(error.message);
    return null;
  }
}

async function describeOld(side: Side, { options, words }: Stage): Promise<string> {
  if (process.geteuid?.() !== 0) return words.oldConnectionsNeedRoot;
  const old = await connectionsTo(side, options.ports);
  return old === null ? words.oldConnectionsNeedSs : words.oldConnections(side, old.count, old.workers);
}
