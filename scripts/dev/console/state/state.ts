/** What the page State shows, put together. */
import { parseUploadsConfig } from '../../../../src/config/config.ts';
import { parseSetting } from '../../../../src/config/read-settings.ts';
import { createDatabase } from '../../../../src/infra/postgres/database.ts';
import type { Result } from '../../../doctor/output.ts';
import type { DemoData, DemoTask } from '../../demo/data.ts';
import type { SetFacts } from '../../demo/sets.ts';
import type { Faults } from '../faults.ts';
import { createPartsLook, type PartState, type PartsOptions } from './parts.ts';
import { type ShownSetting, shownSettings } from './settings.ts';
import type { Webhooks } from './webhooks.ts';
import { createWorkLook, type WorkState } from './work.ts';

export interface StateView {
  readonly parts: readonly PartState[];
  readonly settings: readonly ShownSetting[];
  /** A sentence when the database does not say. */
  readonly work: WorkState | string;
  readonly webhooks: {
    /** They go to a receiver of the developer's own. */
    readonly isOwn: boolean;
    /** What they are answered with; 0: there is no receiver. */
    readonly status: number;
    readonly count: number;
    /** The number of the latest. */
    readonly last: number;
  };
  /** null: nothing is known of the data, as in a test. */
  readonly data: { readonly task: DemoTask | null; readonly sets: readonly SetFacts[] | null } | null;
}

export interface State {
  look(faults: Faults): Promise<StateView>;
  /** Takes some seconds. */
  examine(): Promise<readonly Result[]>;
  readonly webhooks: Webhooks | null;
  readonly data: DemoData | null;
  close(): Promise<void>;
}

/** What `npm run dev` knows beyond the sidecar's settings. */
export interface Surroundings {
  readonly webhooks?: Webhooks | undefined;
  readonly data?: DemoData | undefined;
  /** Where each part is, as the banner says it. */
  readonly where?: PartsOptions['where'];
  /** Where a setting comes from. */
  readonly sourceOf?: (name: string, value: string) => string;
}

/** @param env as the sidecar has it */
export function createState(
  env: Readonly<Record<string, string>>,
  { origin, sidecarPort }: Pick<PartsOptions, 'origin' | 'sidecarPort'>,
  { webhooks, data, where = {}, sourceOf = () => 'npm run dev' }: Surroundings,
): State {
  const database = createDatabase(parseSetting(env, 'DATABASE_URL'), { poolMax: 1 });
  const parts = createPartsLook({
    ...{ origin, sidecarPort, database, where },
    backend: parseSetting(env, 'BACKEND_URL'),
    storage: parseUploadsConfig(env).storage,
  });
  const lookAtWork = createWorkLook(database);
  return {
    webhooks: webhooks ?? null,
    data: data ?? null,
    async look(faults) {
      const [found, work, sets] = await Promise.all([
        parts.look(faults),
        lookAtWork(),
        data?.sets().catch(() => []),
      ]);
      return {
        ...{ parts: found, work, settings: shownSettings(env, sourceOf) },
        webhooks: {
          ...{ isOwn: webhooks === undefined && env.EVENTS_WEBHOOK_URL !== undefined },
          ...{
            status: webhooks?.status() ?? 0,
            count: webhooks?.list().length ?? 0,
            last: webhooks?.list()[0]?.n ?? 0,
          },
        },
        data: data === undefined ? null : { task: data.task(), sets: sets ?? null },
      };
    },
    async examine() {
      // It loads what the sidecar itself is made of.
      const { askDoctor } = await import('./doctor.ts');
      return askDoctor(env, sourceOf);
    },
    async close() {
      parts.close();
      await database.close();
    },
  };
}
