/**
 * The load generator as the bench sees it: a child process that does one thing at a time.
 */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Child, startChild } from '../machine/processes.ts';
import type { LoadCommand, LoadReply, LoadResult } from './messages.ts';

export interface LoadGenerator {
  readonly child: Child;
  /** @throws Error when an answer was wrong, a connection broke, or nothing came for two minutes */
  do(command: LoadCommand): Promise<LoadResult>;
}

/** A window takes three seconds; on a machine that has other things to do, many times that. */
const PATIENCE_MS = 120_000;

/** @param core undefined: not pinned @param outputFile takes what it prints */
export function startLoadGenerator(core: number | undefined, outputFile: string): LoadGenerator {
  const script = fileURLToPath(import.meta.resolve('./load-generator.ts'));
  const child = startChild(process.execPath, [script], { core, env: {}, outputFile, ipc: true });
  return {
    child,
    async do(command) {
      child.process.send(command);
      const reply = await replyOf(child);
      if ('error' in reply) throw new Error(reply.error);
      return reply.result;
    },
  };
}

async function replyOf(child: Child): Promise<LoadReply> {
  try {
    const [reply] = await once(child.process, 'message', { signal: AbortSignal.timeout(PATIENCE_MS) });
    return reply;
  } catch {
    return { error: `there was no answer within ${PATIENCE_MS / 1000} s` };
  }
}
