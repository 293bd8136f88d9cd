/**
 * Which peers may speak for other clients: only their X-Forwarded-* headers are believed.
 */
import type { IncomingMessage } from 'node:http';
import { BlockList, isIPv6 } from 'node:net';
import type { Forwarded } from '../forward/headers.ts';
import type { RequestHead } from './request-head.ts';

/** @param address peer address as `socket.remoteAddress` gives it; undefined (a unix socket) is local, so trusted */
export type IsTrustedPeer = (address: string | undefined) => boolean;

const MAX_CACHED = 10_000;

/** @param ranges `loopback`, addresses or CIDR ranges, checked by parseConfig */
export function createTrustedProxies(ranges: readonly string[]): IsTrustedPeer {
  const list = new BlockList();
  for (const range of ranges.flatMap((r) => (r === 'loopback' ? ['127.0.0.0/8', '::1/128'] : [r]))) {
    const [address = '', prefix] = range.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    list.addSubnet(address, Number(prefix ?? (family === 'ipv6' ? 128 : 32)), family);
  }
  // A look-up in a BlockList costs about a microsecond; behind Nginx there is one peer address.
  const known = new Map<string, boolean>();
  return (peer) => {
    if (peer === undefined) return true;
    let trusted = known.get(peer);
    if (trusted === undefined) {
      const address = peer.startsWith('::ffff:') && peer.includes('.') ? peer.slice(7) : peer;
      trusted = list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
      if (known.size >= MAX_CACHED) known.clear();
      known.set(peer, trusted);
    }
    return trusted;
  };
}

/** What the backend is told about the client: nothing of ours for a trusted peer, who said it already. */
export function forwardedBy(
  req: IncomingMessage,
  head: RequestHead,
  requestId: string,
  isTrustedPeer: IsTrustedPeer,
): Forwarded {
  const address = req.socket.remoteAddress;
  const peer = { address: address ?? '', host: req.headers.host ?? '', port: req.socket.localPort ?? 0 };
  return {
    ...(isTrustedPeer(address) ? {} : { untrustedPeer: peer }),
    ...(head.requestId === undefined ? { addRequestId: requestId } : {}),
    ...(head.hasHost ? {} : { addHost: true }),
  };
}
