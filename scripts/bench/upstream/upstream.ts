/**
 * Child process: the backend that every proxy forwards to. Bare node:net, so that it is cheap and takes little of the
 * load generator's core. Listens when it is told to, and tells its address.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { serveCommands } from '../../lab/worker.ts';
import { UpstreamConnection } from './connection.ts';

/** Thousands of connections arrive at once. */
const BACKLOG = 4_096;

const server = createServer({ noDelay: true }, (socket) => {
  new UpstreamConnection(socket);
});
serveCommands(async () => {
  server.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG });
  await once(server, 'listening');
  return server.address();
});
