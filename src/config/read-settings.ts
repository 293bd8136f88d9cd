/**
 * Reads settings out of an environment: each by itself, then what they are together. Every problem is reported at once, none with a
 * value in it: a value may be a secret.
 */
import { combinationProblems } from './checks.ts';
import { SETTING_NAMES, type Settings, settings } from './settings.ts';
import { textProblem } from './values.ts';

/** Thrown for settings that cannot be taken; `problems` holds one sentence per problem, safe to print. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      `The configuration has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n- ${problems.join('\n- ')}`,
    );
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** @returns those that were named, and no other @throws ConfigError */
export function readAll(env: Environment, names: readonly (keyof Settings)[]): Settings {
  const others = new Set<string>(SETTING_NAMES.filter((name) => !names.includes(name)));
  const given = Object.fromEntries(
    Object.entries(env).filter(([name, value]) => isGiven(value) && !others.has(name)),
  );
  const { values, problems } = readEach(given, names);
  problems.unshift(...nameProblems(given));
  problems.push(...combinationProblems(values, new Set(Object.keys(given))));
  if (problems.length > 0) throw new ConfigError(problems);
  return values as Settings;
}

/**
 * Reads one setting alone, for commands that need no other.
 * @throws ConfigError
 */
export function parseSetting<Name extends keyof Settings>(env: Environment, name: Name): Settings[Name] {
  const given = isGiven(env[name]) ? { [name]: env[name] } : {};
  const { values, problems } = readEach(given, [name]);
  if (problems.length > 0) throw new ConfigError(problems);
  return values[name] as Settings[Name];
}

const KNOWN = new Set<string>(SETTING_NAMES);

const isGiven = (value: string | undefined) => value !== undefined && value.trim() !== '';

/** Setting by setting, so that one that cannot be read does not hide what is wrong with the others. */
function readEach(
  given: Environment,
  names: readonly (keyof Settings)[],
): { values: Partial<Settings>; problems: string[] } {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const name of names) {
    const text = given[name];
    const wrong = text === undefined ? null : textProblem(text, KNOWN);
    const result = settings.shape[name].safeParse(text);
    if (wrong !== null) problems.push(`${name} ${wrong}`);
    else if (result.success) values[name] = result.data;
    else problems.push(`${name} ${result.error.issues[0]?.message ?? 'is not valid'}`);
  }
  return { values, problems };
}

/** `export PORT`, or a byte order mark before the first name of a file: such a setting would silently be its default. */
function nameProblems(given: Environment): string[] {
  return Object.keys(given).flatMap((name) => {
    const meant = name.replace(/^\s*export\s/, '').replace(/[\s\p{Cc}\p{Cf}]/gu, '');
    if (meant === name || !KNOWN.has(meant)) return [];
    return [
      `${meant} is written with something before or behind its name: "export", or an invisible character`,
    ];
  });
}
