/** The sidecar for as long as `npm run dev` lasts: started, observed, started again when it is asked for. */
import { isListening } from '../lab/ports.ts';
import { type Program, until } from '../lab/programs.ts';
import type { Console } from './console/start.ts';
import type { LogLine } from './log-lines.ts';
import type { Settings } from './parts.ts';
import type { RunningParts } from './running-parts.ts';
import { startSidecarProcess, untilReady } from './sidecar-process.ts';

export interface SidecarRunOptions {
  readonly env: Settings;
  readonly url: string;
  readonly port: number;
  readonly watch: boolean;
  readonly pidFile: string;
  readonly nodeFlags: readonly string[];
  readonly observer: Console | undefined;
  /** Gets every line of its output, as it came and parsed. */
  readonly print: (line: string, entry: LogLine | null) => void;
  readonly say: (text: string) => void;
}

/** Starts it and waits until it is ready. @returns how it is started again */
export async function runSidecar(
  { env, url, port, watch, pidFile, nodeFlags, observer, print, say }: SidecarRunOptions,
  { signal, onStop, stop }: RunningParts,
): Promise<() => Promise<void>> {
  let sidecar: Program | undefined;
  const start = () => {
    const program = startSidecarProcess(env, {
      watch,
      print,
      pidFile,
      nodeFlags,
      ...(observer ? { observer } : {}),
    });
    sidecar = program;
    program.ended.then((status) => {
      if (program !== sidecar) return;
      if (!signal.aborted)
        console.error(`\nThe sidecar has ended (status ${status}); its last words are above.\n`);
      stop(1);
    });
  };
  start();
  onStop(() => sidecar?.stop());
  if (!(await untilReady(url, signal)))
    say(`not everything behind the sidecar is ready yet: see ${url}/readyz`);

  return async () => {
    const old = sidecar;
    // Asked again while it restarts: once is enough.
    if (old === undefined || signal.aborted) return;
    sidecar = undefined;
    say('restarting the sidecar');
    await old.stop();
    await until('the port to be free', async () => !(await isListening(port)));
    if (!signal.aborted) start();
  };
}
