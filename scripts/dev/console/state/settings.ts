/** Every setting with its value and where that comes from; secrets are not shown. */
import { readFileSync } from 'node:fs';
import { parseSetting } from '../../../../src/config/read-settings.ts';
import { SETTING_NAMES } from '../../../../src/config/settings.ts';
import { parseEnvFile } from '../../../doctor/env-file.ts';
import { createRedaction } from '../../../doctor/secrets.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface ShownSetting {
  readonly name: string;
  readonly value: string;
  /** `environment`, `.env:12`, `npm run dev`, `default`. */
  readonly from: string;
}

/** Who was asked first has the last word. @param shell the environment before .env was read @param file the path of .env */
export function createSources(shell: Environment, file: string): (name: string, value: string) => string {
  const entries = new Map(readEntries(file).map((entry) => [entry.name, entry]));
  return (name, value) => {
    if (shell[name] === value) return 'environment';
    const entry = entries.get(name);
    return entry?.value === value ? `.env:${entry.line}` : 'npm run dev';
  };
}

function readEntries(path: string) {
  try {
    return parseEnvFile(readFileSync(path, 'utf8')).entries;
  } catch {
    return [];
  }
}

/** @param env as the sidecar has it */
export function shownSettings(
  env: Environment,
  sourceOf: (name: string, value: string) => string,
): ShownSetting[] {
  const redact = createRedaction(env);
  return SETTING_NAMES.map((name) => {
    const value = env[name];
    if (value === undefined || value.trim() === '') return { name, value: defaultOf(name), from: 'default' };
    return { name, value: redact(value), from: sourceOf(name, value) };
  });
}

function defaultOf(name: (typeof SETTING_NAMES)[number]): string {
  try {
    const value = parseSetting({}, name);
    if (value === undefined) return '';
    return typeof value === 'object' ? JSON.stringify(value) : String(value);
  } catch {
    // Without one.
    return '';
  }
}
