/** What the checks of the doctor share. */
import { ConfigError, parseSetting } from '../../src/config/read-settings.ts';
import type { Settings } from '../../src/config/settings.ts';
import type { Check } from '../uploads/check.ts';
import type { Options } from './arguments.ts';
import type { Sources } from './sources.ts';
import type { Words } from './words.ts';

export interface Scene {
  readonly words: Words;
  readonly options: Options;
  readonly sources: Sources;
  /** What this process was started with. */
  readonly shell: Readonly<Record<string, string | undefined>>;
  /** null: it is not given, or cannot be read; what is wrong with it is said once, in `settings`. */
  setting<Name extends keyof Settings>(name: Name): Settings[Name] | null;
}

export type DoctorCheck = Check<Scene>;

/** A check that does not hear of the end of its time is not waited for. */
export const limited = <S>({ run, ...check }: Check<S>): Check<S> => ({
  ...check,
  run: (scene, signal) => {
    const late = new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    return Promise.race([run(scene, signal), late]);
  },
});

/** The files may not be read, and nobody has handed over what is in them: a default would be taken for what is set. */
export const isBlind = ({ sources, shell }: Pick<Scene, 'sources' | 'shell'>): boolean =>
  !sources.isOfService && sources.files.length > 0 && !shell.JWT_SECRET && !shell.DATABASE_URL;

export function createScene(given: Omit<Scene, 'setting'>): Scene {
  return { ...given, setting: isBlind(given) ? () => null : createSetting(given.sources.env) };
}

export const createSetting =
  (env: Sources['env']): Scene['setting'] =>
  (name) => {
    try {
      return parseSetting(env, name);
    } catch (error) {
      if (error instanceof ConfigError) return null;
      throw error;
    }
  };
