/** In the place of src/infra/object-storage/presign.ts while the preload beside it is loaded: the same, for several addresses. */
import { createPresigner as createOne } from '../../../src/infra/object-storage/presign.ts';
import type { Credentials, SigningPlace } from '../../../src/infra/object-storage/signature.ts';
import { clientAddress } from './addresses.ts';

export { signingPlace } from '../../../src/infra/object-storage/presign.ts';

type Presign = ReturnType<typeof createOne>;

export function createPresigner(credentials: Credentials, place: SigningPlace): Presign {
  const usual = createOne(credentials, place);
  const { port, protocol } = new URL(place.origin);
  const byAddress = new Map<string, Presign>();
  const signerFor = (address: string) => {
    const host = `${address}:${port}`;
    const made =
      byAddress.get(address) ?? createOne(credentials, { ...place, host, origin: `${protocol}//${host}` });
    byAddress.set(address, made);
    return made;
  };
  return (put) => {
    const address = clientAddress.getStore() ?? null;
    return (address === null ? usual : signerFor(address))(put);
  };
}
