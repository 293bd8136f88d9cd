/** Ports of 127.0.0.1: free ones, and whether something listens there. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';

/**
 * Below the range that the kernel hands out (32768 on Linux, 49152 elsewhere): while nothing listens on a port of that
 * range, somebody's outgoing connection may take it, even a connect to itself.
 */
const FIRST_PORT = 15_000;
const LAST_PORT = 32_000;
const PATIENCE_MS = 1_000;

/**
 * A port for a program that cannot be told to choose one, or that goes away and comes back on the same: free now, and
 * nobody else is given it while this process lives.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    if ((await reservePort(port)) && (await canListen(port))) return port;
  }
}

/**
 * Test files run at the same time, and PostgreSQL takes seconds from the choice of its port until it listens. The mark that all
 * of them see is the UDP port of that number, which is none of TCP's, and which the system takes back from whoever ends.
 * @returns false: it is somebody else's
 */
export async function reservePort(port: number): Promise<boolean> {
  const mark = createSocket('udp4').unref();
  try {
    mark.bind({ port, address: '127.0.0.1', exclusive: true });
    await once(mark, 'listening');
    return true;
  } catch {
    mark.close();
    return false;
  }
}

async function canListen(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await listen(server, port);
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

/** Different ones. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}

/** Lets a server listen. @param port 0: the kernel chooses @returns the port @throws Error when it is taken */
export async function listen(server: Server, port = 0, host = '127.0.0.1'): Promise<number> {
  server.listen(port, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Whether something accepts connections there; within a second. */
export function isListening(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ port, host: host.replace(/^\[|\]$/g, ''), timeout: PATIENCE_MS });
    const settle = (open: boolean) => {
      socket.destroy();
      done(open);
    };
    socket.once('connect', () => settle(true));
    socket.once('timeout', () => settle(false));
    socket.once('error', () => settle(false));
  });
}
