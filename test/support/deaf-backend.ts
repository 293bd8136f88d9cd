/**
 * A backend that takes no connections and does not refuse them either: a listening process that stands still and whose
 * queue is full, so that the system lets further SYNs go unanswered.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

const LISTENER =
  "const s = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(s.address().port))";
const MAX_QUEUED = 64;
/** A connection on loopback that takes longer than this is not taken, ms. */
const TAKEN_WITHIN_MS = 300;

/** For a machine that runs many tests at once. */
const START_MS = 60_000;

export async function startDeafBackend(): Promise<{ readonly url: string; stop(): void }> {
  const child = spawn(process.execPath, ['-e', LISTENER], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout, 'data', { signal: AbortSignal.timeout(START_MS) });
  const port = Number(String(line));
  child.kill('SIGSTOP');
  const queued: Socket[] = [];
  for (let taken = true; taken; ) {
    if (queued.length > MAX_QUEUED) throw new Error('the queue of connections never fills');
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    queued.push(socket);
    const connected = new Promise<boolean>((resolve) => socket.once('connect', () => resolve(true)));
    // Should this process have stood still: what happened meanwhile has its turn before.
    const late = sleep(TAKEN_WITHIN_MS).then(() => nextTurn(false));
    taken = await Promise.race([connected, late]);
  }
  return {
    url: `http://127.0.0.1:${port}`,
    stop() {
      for (const socket of queued) socket.destroy();
      child.kill('SIGKILL');
    },
  };
}
