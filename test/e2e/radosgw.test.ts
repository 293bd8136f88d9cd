/** The same contract as the development store's, on a real S3 implementation. */

import { startRadosgw } from '../../scripts/lab/radosgw.ts';
import { objectStoreContract } from '../support/object-store-contract.ts';
import { requireTools } from '../support/requirements.ts';

objectStoreContract(
  'radosgw',
  async () =>
    requireTools({ skip: () => undefined }, ['radosgw', 'ceph-mon', 'ceph-osd']) ? startRadosgw() : null,
  { ignoresChecksums: true },
);
