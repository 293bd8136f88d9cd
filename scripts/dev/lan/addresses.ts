/** By which addresses devices reach this machine, and by which of them a request came. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage } from 'node:http';

/** What an Android emulator calls the machine that it runs on. */
export const EMULATOR = '10.0.2.2';

/** In the sidecar's process: the address by which the client of the request under way came; null: by none of ours. */
export const clientAddress = new AsyncLocalStorage<string | null>();

interface Interface {
  readonly address: string;
  readonly family: string;
  readonly internal: boolean;
}

/** Networks of containers and virtual machines: no phone is there. */
const VIRTUAL = /^(?:docker|br-|veth|virbr|vmnet|vboxnet|cni|flannel)/;
const PRIVATE = /^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.)/;

/** @param interfaces as node:os has them @returns those of a home or an office first */
export function addressesOf(
  interfaces: Readonly<Record<string, readonly Interface[] | undefined>>,
): string[] {
  return Object.entries(interfaces)
    .filter(([name]) => !VIRTUAL.test(name))
    .flatMap(([, found]) => found ?? [])
    .filter(({ address, family, internal }) => family === 'IPv4' && !internal && !/^169\.254\./.test(address))
    .map(({ address }) => address)
    .sort((one, other) => Number(PRIVATE.test(other)) - Number(PRIVATE.test(one)));
}

/**
 * The address by which a client came: what it says in Host, if that is one of ours, else that of its connection (a name such as
 * `laptop.local` leads there), if that is. Nobody makes us sign for an address that is not ours. null: neither is.
 */
export function addressOfClient(req: IncomingMessage, ours: ReadonlySet<string>): string | null {
  const said = (req.headers.host ?? '').replace(/:\d+$/, '');
  if (ours.has(said)) return said;
  const met = (req.socket.localAddress ?? '').replace(/^::ffff:/, '');
  return ours.has(met) ? met : null;
}
