/**
 * The Node proxies: programs in ../peers, run from a folder of the bench's own where their packages are installed.
 */
import { join } from 'node:path';
import { type Contender, type NodeProxy, startNodeProxy } from './contender.ts';
import { PACKAGES, PEER_FOLDER } from './install-peers.ts';

const hpmVersion = `${PACKAGES['http-proxy-middleware']} on Express ${PACKAGES.express}`;
const fastifyVersion = `${PACKAGES['@fastify/http-proxy']} on Fastify ${PACKAGES.fastify}`;

export const nodePeers: readonly Contender[] = [
  nodePeer('hpm', hpmVersion, 'http-proxy-middleware with its defaults; no log'),
  nodePeer('hpm-agent', hpmVersion, 'http-proxy-middleware with a keep-alive agent; no log'),
  nodePeer('fastify', fastifyVersion, '@fastify/http-proxy with its defaults; no log'),
  {
    ...nodePeer(
      'fast-proxy',
      PACKAGES['fast-proxy'],
      'on node:http, defaults; no log; forwards no WebSockets',
    ),
    forwardsWebSockets: false,
  },
  nodePeer('pipe', process.version, 'bare node:http, both sides piped, keep-alive agent; no log'),
];

function nodePeer(name: string, version: string, setup: string): Contender {
  return {
    name,
    version,
    kind: 'node',
    forwardsWebSockets: true,
    setup,
    start: (place) => startNodeProxy(place, (port) => peerProxy(name, port, place.upstreamPort)),
  };
}

export const peerProxy = (name: string, port: number, upstreamPort: number): NodeProxy => ({
  args: [join(PEER_FOLDER, `${name}.mjs`)],
  env: { NODE_ENV: 'production', PORT: String(port), UPSTREAM_PORT: String(upstreamPort) },
});
