/**
 * Socket activation as systemd does it: holds a listening socket, and runs the sidecar on it again and again. What
 * connects while none runs waits in the socket's queue. Ends when a sidecar ends with another status than 0.
 */
import { spawnSync } from 'node:child_process';
import { writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { MAIN } from './sidecar.ts';

const BACKLOG = 511;

const server = createServer();
server.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG }, () => {
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  // LISTEN_PID is the process's own number (sd_listen_fds(3)), which only a shell can put into its environment.
  const started = `printf '{"msg":"started","pid":%d}\\n' $$`;
  const command = `${started}; LISTEN_FDS=1 LISTEN_PID=$$ exec "${process.execPath}" "${MAIN}"`;
  for (;;) {
    // Synchronous on purpose: while it waits, this process's event loop cannot accept connections itself.
    const { status } = spawnSync('/bin/sh', ['-c', command], { stdio: ['ignore', 'inherit', 'inherit', fd] });
    writeSync(1, `${JSON.stringify({ msg: `ended with status ${status}` })}\n`);
    if (status !== 0) process.exit(1);
  }
});
