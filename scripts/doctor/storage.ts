/** The bucket, by the checks of `npm run uploads -- doctor`: without --write-probe only those that put nothing. */
import { type Config, ConfigError, parseUploadsConfig } from '../../src/config/config.ts';
import { type CheckOptions, type CheckResult, notApplicable } from '../uploads/check.ts';
import { checkStorage } from '../uploads/storage-checks.ts';
import type { Scene } from './scene.ts';

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

export async function storageResults(scene: Scene, checkOptions: CheckOptions): Promise<CheckResult[]> {
  const config = storageConfigIn(scene);
  if (config === null) {
    const result = { name: 'bucket', ...notApplicable(scene.words.noStorage) };
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
