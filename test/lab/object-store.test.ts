/** The development object store is as strict as real storage. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTestObjectStore } from '../../scripts/lab/throwaway-object-store.ts';
import { objectStoreContract, send } from '../support/object-store-contract.ts';

objectStoreContract('development store', startTestObjectStore);

test('development store: hostile requests are answered, not obeyed', async () => {
  const store = await startTestObjectStore(null);
  const at = (path: string) => `${store.config.endpoint}${path}`;
  try {
    for (const path of [
      '/',
      '/media/..%2F..%2Fetc%2Fpasswd',
      '/media/%00',
      '/media/%zz',
      `/media/${'k'.repeat(2000)}`,
      '/other/x',
    ]) {
      const answer = await send('GET', at(path));
      assert.ok(answer.status >= 400 && answer.status < 500, `${path} → ${answer.status}`);
    }
    for (const query of ['X-Amz-Signature=x', 'X-Amz-Signature=x&X-Amz-Signature=y', 'X-Amz-Signature=%zz']) {
      assert.equal((await send('PUT', at(`/media/x?${query}`), {}, 'x')).status, 400, query);
    }
    assert.equal(
      (await send('PUT', at('/media/x'), { Authorization: 'AWS4-HMAC-SHA256 nonsense' }, 'x')).status,
      400,
    );
  } finally {
    await store.stop();
  }
});
