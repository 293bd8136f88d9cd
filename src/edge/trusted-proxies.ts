/**
 * Which peers may speak for other clients: only their X-Forwarded-* headers are believed.
 */
import type { IncomingMessage } from 'node:http';
import { BlockList, isIPv4, type Socket } from 'node:net';
import type { Forwarded } from '../forward/headers.ts';
import type { RequestHead } from './request-head.ts';

/** Never by an address that is missing: a peer that has reset its connection has none either. */
export type IsTrustedPeer = (socket: Socket) => boolean;

const MAX_CACHED = 10_000;
/** For a peer without an address (RFC 7239 §6.2). */
const UNKNOWN = 'unknown';

/**
 * @param ranges `loopback`, addresses or CIDR ranges, checked by parseConfig
 * @param listensOnUnixSocket whose peers have no address and are on this machine: they go with `loopback`
 */
export function createTrustedProxies(
  ranges: readonly string[],
  listensOnUnixSocket: () => boolean,
): IsTrustedPeer {
  const trustsLoopback = ranges.includes('loopback');
  const list = new BlockList();
  for (const range of ranges.flatMap((r) => (r === 'loopback' ? ['127.0.0.0/8', '::1/128'] : [r]))) {
    const [address = '', prefix] = range.split('/');
    // isIPv6 compiles a large expression first, 10 ms; on a socket that was passed nothing else asks it at the start.
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    list.addSubnet(address, Number(prefix ?? (family === 'ipv4' ? 32 : 128)), family);
  }
  // A look-up in a BlockList costs about a microsecond; behind Nginx there is one peer address.
  const known = new Map<string, boolean>();
  return ({ remoteAddress: peer }) => {
    if (peer === undefined) return trustsLoopback && listensOnUnixSocket();
    let trusted = known.get(peer);
    if (trusted === undefined) {
      const address = peer.startsWith('::ffff:') && peer.includes('.') ? peer.slice(7) : peer;
      trusted = list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
      if (known.size >= MAX_CACHED) known.clear();
      known.set(peer, trusted);
    }
    return trusted;
  };
}

/** What the backend is told about the client. A trusted peer has said it already: then we add nothing about it. */
export function forwardedBy(
  req: IncomingMessage,
  head: RequestHead,
  requestId: string,
  isTrustedPeer: IsTrustedPeer,
): Forwarded {
  return {
    untrustedPeer: isTrustedPeer(req.socket) ? null : peerOf(req.socket, head.host),
    addRequestId: head.requestId === undefined ? requestId : undefined,
    addHost: head.host === undefined,
  };
}

const peerOf = ({ remoteAddress, localPort }: Socket, host: string | undefined) => ({
  address: remoteAddress ?? UNKNOWN,
  host: host ?? '',
  port: localPort,
});
