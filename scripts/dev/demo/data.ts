/** What can be done to the data of `npm run dev`, one thing at a time: for its command line, its terminal and the console. */
import type { StorageConfig } from '../../../src/config/config.ts';
import { parseUploadsConfig } from '../../../src/config/config.ts';
import { createProgress } from '../../lib/progress.ts';
import type { Settings } from '../parts.ts';
import type { StateFolder } from '../state-folder.ts';
import { fillDemo } from './fill.ts';
import { createSets, type DemoSets, type SetFacts } from './sets.ts';

export const DEMO_ACTIONS = ['fill', 'save', 'load', 'remove', 'reset'] as const;
export type DemoAction = (typeof DEMO_ACTIONS)[number];

export interface DemoTask {
  readonly action: DemoAction;
  /** 0 to 1. */
  readonly share: number;
  readonly text: string;
  readonly state: 'under way' | 'done' | 'failed';
}

export interface DemoData {
  /** What is under way, or came last. */
  task(): DemoTask | null;
  /** null: the database is the developer's own, of which no sets are made. */
  sets(): Promise<readonly SetFacts[] | null>;
  /** @param name of a set @returns what was done @throws Error with a sentence */
  run(action: DemoAction, name?: string): Promise<string>;
  /** Told of every step. */
  onTask(listen: (task: DemoTask) => void): void;
}

export interface DemoDataOptions {
  readonly databaseUrl: string;
  readonly storage: StorageConfig | null;
  /** Whether events are told of. */
  readonly isTold: boolean;
  readonly sets: DemoSets | null;
}

export function createDemoData({ sets, ...options }: DemoDataOptions): DemoData {
  let task: DemoTask | null = null;
  const listeners: ((task: DemoTask) => void)[] = [];
  const set = (next: DemoTask) => {
    task = next;
    for (const listen of listeners) listen(next);
  };
  const perform = async (action: DemoAction, name: string): Promise<string> => {
    if (action === 'fill') {
      const onProgress = (share: number, text: string) => set({ action, share, text, state: 'under way' });
      const { products, reviews, pictures, known } = await fillDemo({ ...options, onProgress });
      const what = `${products} products, ${reviews} reviews, ${pictures} pictures`;
      return known === reviews ? `Everything was there already: ${what}.` : `There are ${what} now.`;
    }
    if (sets === null) throw new Error('This is not done to a database of your own (DATABASE_URL).');
    if (action === 'reset') {
      await sets.reset();
      return 'Everything is as after the first start.';
    }
    await sets[action](name);
    return `The set "${name}" is ${{ save: 'saved', load: 'loaded', remove: 'removed' }[action]}.`;
  };
  return {
    task: () => task,
    sets: async () => sets && (await sets.list()),
    onTask: (listen) => void listeners.push(listen),
    async run(action, name = '') {
      if (task?.state === 'under way') throw new Error('Something is under way; wait for its end.');
      set({ action, share: 0, text: '', state: 'under way' });
      try {
        const text = await perform(action, name);
        set({ action, share: 1, text, state: 'done' });
        return text;
      } catch (error) {
        set({
          action,
          share: 1,
          text: error instanceof Error ? error.message : String(error),
          state: 'failed',
        });
        throw error;
      }
    },
  };
}

/** That of a running `npm run dev`. @param env as the sidecar has it */
export function openDemoData(
  env: Settings,
  { state, database, storage }: { state: StateFolder; database: Embeddable; storage: Embeddable },
): DemoData {
  const databaseUrl = env.DATABASE_URL ?? '';
  const objects = storage.isEmbedded ? state.at('objects') : null;
  const data = createDemoData({
    ...{
      databaseUrl,
      storage: parseUploadsConfig(env).storage,
      isTold: env.EVENTS_WEBHOOK_URL !== undefined,
    },
    sets: database.isEmbedded ? createSets({ databaseUrl, objects, folder: state.at('sets') }) : null,
  });
  let progress = createProgress(process.stderr);
  data.onTask(({ state, share, text }) => {
    // What has no steps is over before a bar would say anything.
    if (state === 'under way') return text === '' ? undefined : progress.show(share, text);
    progress.end();
    progress = createProgress(process.stderr);
  });
  return data;
}

interface Embeddable {
  readonly isEmbedded: boolean;
}
