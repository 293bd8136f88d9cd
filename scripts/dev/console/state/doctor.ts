/** The operator's doctor, asked about the development server: what it finds, with what to do. */
import { SETTING_NAMES } from '../../../../src/config/settings.ts';
import { parseOptions } from '../../../doctor/arguments.ts';
import { examine } from '../../../doctor/examine.ts';
import type { Result } from '../../../doctor/output.ts';
import { createScene } from '../../../doctor/scene.ts';
import { createRedaction } from '../../../doctor/secrets.ts';
import { en as words } from '../../../doctor/words-en.ts';

type Environment = Readonly<Record<string, string>>;

/** The others are about a server: its users, its unit, its Nginx. */
const AREAS = 'settings,clock,backend,database,storage,work';

/** @param env as the sidecar has it */
export function askDoctor(
  env: Environment,
  sourceOf: (name: string, value: string) => string,
): Promise<Result[]> {
  const from = new Map<string, string>();
  for (const name of SETTING_NAMES) if (env[name]) from.set(name, sourceOf(name, env[name]));
  const known = { unit: null, files: [], isOfService: false, otherInShell: [], overridden: [] };
  const options = parseOptions(['--only', AREAS, '--timeout', '5'], words);
  return examine(createScene({ words, options, sources: { ...known, env, from }, shell: env }), {
    ...{ stop: new AbortController().signal, redact: createRedaction(env), onResult: () => undefined },
  });
}
