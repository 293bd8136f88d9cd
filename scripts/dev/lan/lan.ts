/** What `--lan` makes of a development server: who reaches it, by which address. */

import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { addressesOf, EMULATOR } from './addresses.ts';

export interface Lan {
  /** Of this machine in the network; the first is where files are read from. */
  readonly addresses: readonly string[];
  /** For the sidecar's process: what Node loads before it. */
  readonly nodeFlags: readonly string[];
  /** The sidecar's address for each kind of device, and whose it is. */
  devices(port: number): (readonly [url: string, whose: string])[];
  /** What the developer should know. */
  readonly notes: readonly string[];
}

export const NO_LAN: Lan = { addresses: [], nodeFlags: [], devices: () => [], notes: [] };

/** @param given addresses to take instead of those that the machine has @throws Error with a sentence */
export function openLan(given: readonly string[]): Lan {
  const wrong = given.find((address) => !isIPv4(address));
  if (wrong !== undefined) throw new Error(`--lan-address must be an IPv4 address, and ${wrong} is none.`);
  const addresses = given.length > 0 ? given : addressesOf(networkInterfaces());
  if (addresses.length === 0)
    throw new Error(
      'This machine is in no network, so no device could reach it: leave --lan out, or name an address with --lan-address.',
    );
  const known = new URLSearchParams(
    [EMULATOR, ...addresses].map((address): [string, string] => ['address', address]),
  );
  return {
    addresses,
    nodeFlags: ['--import', `${PRELOAD}?${known}`],
    devices: (port) => [
      [`http://${EMULATOR}:${port}`, 'Android emulator'],
      [`http://127.0.0.1:${port}`, 'iOS simulator'],
      ...addresses.map((address) => [`http://${address}:${port}`, 'devices in this network'] as const),
    ],
    notes: [
      'Everybody in this network can reach the sidecar and the object store, also with the accounts of the demo. docs/devices.md says what apps need.',
    ],
  };
}

const PRELOAD = pathToFileURL(join(import.meta.dirname, 'preload.ts')).href;
