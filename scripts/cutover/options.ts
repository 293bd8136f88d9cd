/** The command line, and the two settings that the smoke test has as well. */
import { parseArgs } from 'node:util';
import { numberFrom } from '../lib/command-line.ts';
import type { Entrance, Side } from '../lib/who-answers.ts';
import type { Ports } from './upstream-line.ts';
import type { Words } from './words.ts';

export interface Options {
  readonly help: boolean;
  /** null: --status. */
  readonly to: Side | null;
  readonly conf: string;
  readonly entrance: Entrance;
  readonly ports: Ports;
  readonly nginx: string;
  readonly smoke: boolean;
  readonly dryRun: boolean;
  readonly force: boolean;
  readonly timeoutMs: number;
}

const CONF = '/etc/nginx/conf.d/gogomarket-upstream.conf';
const URL_SHAPE = /^https?:\/\/[^/?#@\s]+(\/[^?#@\s]*)?$/;
const MAX_PORT = 65_535;

/** @throws Error with a sentence */
export function parseOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  { wrongArgument: wrong }: Words,
): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      to: { type: 'string' },
      status: { type: 'boolean', default: false },
      conf: { type: 'string', default: CONF },
      url: { type: 'string', default: env.API_URL || 'https://127.0.0.1' },
      host: { type: 'string' },
      insecure: { type: 'boolean' },
      'sidecar-port': { type: 'string', default: '8010' },
      'backend-port': { type: 'string', default: '8000' },
      nginx: { type: 'string', default: 'nginx' },
      smoke: { type: 'boolean', default: false },
      'dry-run': { type: 'boolean', default: false },
      force: { type: 'boolean', default: false },
      timeout: { type: 'string', default: '20' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const { to, status, help, smoke, force, 'dry-run': dryRun } = values;
  if (!help && status === (to !== undefined)) throw new Error(wrong.one);
  if (to !== undefined && to !== 'sidecar' && to !== 'backend') throw new Error(wrong.to);
  if (status && (smoke || dryRun || force)) throw new Error(wrong.onlyTo);
  if (!URL_SHAPE.test(values.url) || !URL.canParse(values.url)) throw new Error(wrong.url);
  const port = (side: Side) =>
    numberFrom(`--${side}-port`, values[`${side}-port`], { least: 1, most: MAX_PORT });
  const ports = { sidecar: port('sidecar'), backend: port('backend') };
  if (ports.sidecar === ports.backend) throw new Error(wrong.ports);
  return {
    ...{ help, smoke, force, dryRun, ports },
    to: to ?? null,
    conf: values.conf,
    entrance: {
      url: new URL(values.url),
      host: values.host,
      insecure: values.insecure ?? isOn('API_INSECURE', env, wrong.switch),
    },
    nginx: values.nginx,
    timeoutMs: numberFrom('--timeout', values.timeout, { least: 1, most: 3600 }) * 1000,
  };
}

/** As the smoke test reads its switches (scripts/lib/http-checks.sh). @throws Error for one that says neither */
function isOn(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
  complain: (name: string) => string,
): boolean {
  const value = (env[name] ?? '').toLowerCase();
  if (['1', 'true', 'yes', 'on'].includes(value)) return true;
  if (['0', 'false', 'no', 'off', ''].includes(value)) return false;
  throw new Error(complain(name));
}
