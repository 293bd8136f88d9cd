/**
 * Child process: the backend that every proxy forwards to. Bare node:net, so that it is cheap and takes little of the
 * load generator's core. Tells its address to the parent.
 */
import { createServer } from 'node:net';
import { UpstreamConnection } from './connection.ts';

/** Thousands of connections arrive at once. */
const BACKLOG = 4_096;

const server = createServer({ noDelay: true }, (socket) => {
  new UpstreamConnection(socket);
});
server.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG }, () => process.send?.(server.address()));
// The bench is gone: so are we.
process.on('disconnect', () => process.exit());
