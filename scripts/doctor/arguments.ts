/** What `npm run doctor` understands. */
import { parseArgs } from 'node:util';
import { namesFrom, numberFrom } from '../lib/command-line.ts';
import type { Words } from './words.ts';

export const AREAS = [
  ...(['settings', 'user', 'clock', 'backend', 'database', 'storage', 'nginx', 'system', 'work'] as const),
];
export type AreaName = (typeof AREAS)[number];

export interface Options {
  readonly help: boolean;
  readonly only: readonly AreaName[];
  readonly json: boolean;
  readonly fix: boolean;
  readonly writeProbe: boolean;
  /** Of each check, ms. */
  readonly stepTimeoutMs: number;
  /** Instead of those that the unit names. */
  readonly envFiles: readonly string[];
  readonly unitPath: string | undefined;
  /** Where Nginx answers; undefined: as its own configuration says. */
  readonly url: URL | undefined;
  readonly host: string | undefined;
  readonly insecure: boolean;
  /** As one would type it. */
  readonly nginx: string;
}

/** @throws Error with a sentence */
export function parseOptions(args: readonly string[], words: Words): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      json: { type: 'boolean', default: false },
      fix: { type: 'boolean', default: false },
      'write-probe': { type: 'boolean', default: false },
      timeout: { type: 'string', default: '10' },
      'env-file': { type: 'string', multiple: true, default: [] },
      unit: { type: 'string' },
      url: { type: 'string' },
      host: { type: 'string' },
      insecure: { type: 'boolean', default: false },
      nginx: { type: 'string', default: 'nginx' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const { help, json, fix, host, insecure, nginx } = values;
  if (values.url !== undefined && !/^https?:\/\/[^/?#@\s]+\/?$/.test(values.url))
    throw new Error(words.wrongUrl);
  return {
    ...{ help, json, fix, host, insecure, nginx },
    only: namesFrom('--only', values.only, AREAS),
    writeProbe: values['write-probe'],
    stepTimeoutMs: numberFrom('--timeout', values.timeout, { least: 1, most: 600 }) * 1000,
    envFiles: values['env-file'],
    unitPath: values.unit,
    url: values.url === undefined ? undefined : new URL(values.url),
  };
}
