/** The bucket, by the checks of `npm run uploads -- doctor`: without --write-probe only those that put nothing. */
import { type Config, parseUploadsConfig } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/read-settings.ts';
import {
  type CheckOptions,
  type CheckResult,
  type Finding,
  notApplicable,
  unchecked,
} from '../uploads/check.ts';
import { checkStorage } from '../uploads/storage-checks.ts';
import { isBlind, type Scene } from './scene.ts';

type UploadsConfig = ReturnType<typeof parseUploadsConfig> & {
  readonly storage: NonNullable<Config['storage']>;
};

/** null: there is none, or its settings cannot be read. */
export function storageConfigIn({ sources }: Pick<Scene, 'sources'>): UploadsConfig | null {
  try {
    const { storage, ...config } = parseUploadsConfig(sources.env);
    return storage === null ? null : { ...config, storage };
  } catch (error) {
    if (error instanceof ConfigError) return null;
    throw error;
  }
}

/** Why there is nothing to look at. */
export function withoutStorage(scene: Scene): Finding {
  const { words, sources } = scene;
  if (isBlind(scene)) return unchecked(words.settingsUnknown, words.runAsRoot);
  return sources.env.S3_ENDPOINT ? unchecked(words.settingFirst('S3_…')) : notApplicable(words.noStorage);
}

export async function storageResults(scene: Scene, checkOptions: CheckOptions): Promise<CheckResult[]> {
  const config = storageConfigIn(scene);
  if (config === null) {
    const result = { name: 'bucket', ...withoutStorage(scene) };
    checkOptions.onResult?.(result);
    return [result];
  }
  const { options } = scene;
  const { corsAllowOrigins: origins, uploads, storage } = config;
  return checkStorage({
    ...checkOptions,
    ...{ config: storage, uploads, origins, fix: options.fix, upload: options.writeProbe },
  });
}
