/**
 * Loaded before the sidecar by `npm run dev -- --lan` (`node --import …/preload.ts?address=A&address=B`), and nowhere else: what
 * the sidecar signs for a client is signed for the address by which that client came. The signature covers the host, so it
 * cannot be put in afterwards; and where the storage is, the sidecar knows from its settings alone, as in production.
 */
import { type IncomingMessage, Server } from 'node:http';
import { registerHooks } from 'node:module';
import { addressOfClient, clientAddress } from './addresses.ts';

const ours = new Set(new URL(import.meta.url).searchParams.getAll('address'));
const PRESIGN = import.meta.resolve('../../../src/infra/object-storage/presign.ts');
const IN_ITS_PLACE = import.meta.resolve('./presign.ts');

const REQUEST_EVENTS = new Set(['request', 'checkContinue', 'checkExpectation']);

type Emit = (event: string, ...args: unknown[]) => boolean;

if (ours.size > 0) {
  const emit: Emit = Server.prototype.emit;
  const observed = function (this: Server, event: string, ...args: unknown[]): boolean {
    const pass = () => Reflect.apply(emit, this, [event, ...args]);
    if (!REQUEST_EVENTS.has(event)) return pass();
    return clientAddress.run(addressOfClient(args[0] as IncomingMessage, ours), pass);
  };
  Server.prototype.emit = observed as typeof Server.prototype.emit;
  registerHooks({
    resolve(specifier, { parentURL, ...more }, next) {
      const found = next(specifier, { parentURL, ...more });
      return found.url === PRESIGN && parentURL !== IN_ITS_PLACE ? { ...found, url: IN_ITS_PLACE } : found;
    },
  });
}
