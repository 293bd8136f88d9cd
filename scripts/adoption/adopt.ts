/** `node src/migrate.ts` beside the old module, killed as often as one likes. */
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startProgram } from '../lab/programs.ts';

const MIGRATE = resolve(import.meta.dirname, '../../src/migrate.ts');

export interface Adoption {
  readonly seconds: number;
  readonly kills: number;
}

/**
 * @param killAfterMs how long each process lives that is killed; the one after them goes on to the end
 * @throws Error with what it has said when it fails
 */
export async function adoptBeside(
  url: string,
  killAfterMs: readonly number[],
  say: (line: string) => void,
): Promise<Adoption> {
  const from = performance.now();
  let kills = 0;
  for (const afterMs of [...killAfterMs, null]) {
    await using program = startProgram(process.execPath, [MIGRATE], { env: { DATABASE_URL: url } });
    const tell = (text: Buffer) => say(`${((performance.now() - from) / 1000).toFixed(1)} s  ${text}`.trim());
    program.child.stderr?.on('data', tell);
    program.child.stdout?.on('data', tell);
    const { ended } = program;
    const status = await (afterMs === null ? ended : Promise.race([ended, sleep(afterMs, 'alive' as const)]));
    if (status === 'alive') {
      program.signal('SIGKILL');
      await ended;
      kills += 1;
    } else if (status !== 0) throw new Error(`migrate ended with ${status}: ${program.output()}`);
  }
  return { seconds: (performance.now() - from) / 1000, kills };
}
