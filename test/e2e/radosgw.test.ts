/** The same contract as the development store's, on a real S3 implementation. */

import { objectStoreContract } from '../support/object-store-contract.ts';
import { startRadosgw } from '../support/radosgw.ts';
import { requireTools } from '../support/requirements.ts';

objectStoreContract('radosgw', async () =>
  requireTools({ skip: () => undefined }, ['radosgw', 'ceph-mon', 'ceph-osd']) ? startRadosgw() : null,
);
