/** A module of ours in a process of its own, and so on a core of its own, that does one thing at a time: both ends. */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Program, type ProgramOptions, startProgram } from './programs.ts';

export interface Worker<Command, Result> extends AsyncDisposable {
  readonly pid: number;
  /** One command at a time. @throws Error when it failed, the process has ended, or nothing came for two minutes */
  do(command: Command): Promise<Result>;
}

type Reply<Result> = { readonly result: Result } | { readonly error: string };

/** On a machine that has other things to do, many times what anything takes. */
const PATIENCE_MS = 120_000;

/** @param module its URL; it calls `serveCommands` */
export function startWorker<Command extends object, Result>(
  module: string,
  options: Pick<ProgramOptions, 'core'> = {},
): Worker<Command, Result> {
  const program = startProgram(process.execPath, [fileURLToPath(module)], { ...options, ipc: true });
  return {
    pid: program.pid,
    async do(command) {
      program.child.send(command);
      const reply = await Promise.race([replyOf<Result>(program), endOf(program)]);
      if ('error' in reply) throw new Error(reply.error);
      return reply.result;
    },
    async [Symbol.asyncDispose]() {
      await program.stop('SIGKILL');
    },
  };
}

async function replyOf<Result>({ child }: Program): Promise<Reply<Result>> {
  try {
    const [reply] = await once(child, 'message', { signal: AbortSignal.timeout(PATIENCE_MS) });
    return reply;
  } catch {
    return { error: `there was no answer within ${PATIENCE_MS / 1000} s` };
  }
}

async function endOf(program: Program): Promise<{ readonly error: string }> {
  await program.ended;
  return { error: `the process has ended:\n${program.output()}` };
}

/** For the module: answers each command with what comes of it. */
export function serveCommands<Command, Result>(perform: (command: Command) => Promise<Result>): void {
  process.on('message', (command: Command) => {
    perform(command).then(
      (result) => process.send?.({ result }),
      (error) => process.send?.({ error: String(error?.message ?? error) }),
    );
  });
  // Whoever asks is gone: so are we.
  process.on('disconnect', () => process.exit());
}
