/**
 * Ports for things that go away and come back on the same one.
 */
import { createServer } from 'node:net';

/**
 * Below the range that the kernel hands out (32768 on Linux, 49152 elsewhere): while nothing listens on a port of that
 * range, somebody's outgoing connection may take it, even a connect to itself, and the restart would fail.
 */
const FIRST_PORT = 15_000;
const LAST_PORT = 32_000;

/** A port on loopback that is free now, and that only somebody who asks for it by number can take. */
export async function restartablePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', () => done(false));
    server.listen(port, '127.0.0.1', () => server.close(() => done(true)));
  });
}
