/** What time it is here, and for those that this machine has to agree with. */

import { createLogger } from '../../src/infra/logger.ts';
import { createObjectStorage } from '../../src/infra/object-storage/object-storage.ts';
import { createStorageClock } from '../../src/infra/object-storage/storage-clock.ts';
import { type Finding, ok, unchecked, wrong } from '../uploads/check.ts';
import { askDatabase } from './database.ts';
import { aheadOf, httpGet, reasonOf } from './http-get.ts';
import type { DoctorCheck, Scene } from './scene.ts';
import { storageConfigIn, withoutStorage } from './storage.ts';

/** Tokens are valid to the second; a `Date` header has whole ones. */
const NEAR_MS = 5_000;
/** URLs are signed by the storage's clock, so that more is allowed for there. */
const NEAR_STORAGE_MS = 60_000;

function judge(aheadMs: number, nearMs: number, { words }: Scene): Finding {
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  return Math.abs(aheadMs) <= nearMs
    ? ok(words.clockAgrees(nearMs / 1000))
    : wrong(words.clockDiffers(seconds, aheadMs > 0), words.setClock);
}

const BACKEND: DoctorCheck = {
  name: 'backend',
  needs: [],
  async run(scene, signal) {
    const backend = scene.setting('BACKEND_URL');
    if (backend === null) return unchecked(scene.words.settingFirst('BACKEND_URL'));
    try {
      const aheadMs = aheadOf(await httpGet(backend, '/healthz', signal));
      return aheadMs === null ? unchecked(scene.words.noDate) : judge(aheadMs, NEAR_MS, scene);
    } catch (error) {
      signal.throwIfAborted();
      return unchecked(reasonOf(error));
    }
  },
};

const DATABASE: DoctorCheck = {
  name: 'database',
  needs: [],
  async run(scene, signal) {
    return askDatabase(scene, signal, async (knex) => {
      const askedAt = Date.now();
      const sql = `SELECT extract(epoch FROM clock_timestamp()) * 1000 AS now`;
      const { rows } = await knex.raw<{ rows: { now: string }[] }>(sql);
      return judge((askedAt + Date.now()) / 2 - Number(rows[0]?.now), NEAR_MS, scene);
    });
  },
};

const STORAGE: DoctorCheck = {
  name: 'storage',
  needs: [],
  async run(scene) {
    const config = storageConfigIn(scene);
    if (config === null) return withoutStorage(scene);
    const clock = createStorageClock(createLogger('silent'));
    const storage = createObjectStorage(config.storage, clock);
    try {
      await storage.ping();
      if (clock.isContradicted()) return wrong(scene.words.clockDiffers(86_400, true), scene.words.setClock);
      return clock.isKnown()
        ? judge(Date.now() - clock.now(), NEAR_STORAGE_MS, scene)
        : unchecked(scene.words.noDate);
    } finally {
      storage.close();
    }
  },
};

export const clockChecks = [BACKEND, DATABASE, STORAGE];
