/** The settings as the service gets them, and where each of them comes from. */
import { readFileSync, statSync } from 'node:fs';
import { SETTING_NAMES } from '../../src/config/settings.ts';
import { type FileFault, parseEnvFile } from './env-file.ts';
import { readUnit, type Unit } from './unit.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface Sources {
  /** null: there is none on this machine. */
  readonly unit: Unit | null;
  readonly files: readonly SourceFile[];
  /** What the service gets; what this shell has where that cannot be known. */
  readonly env: Environment;
  /** By the name of a setting: file and line, unit or shell. */
  readonly from: ReadonlyMap<string, string>;
  /** Whether `env` is of the files; otherwise it is what this process was started with. */
  readonly isOfService: boolean;
  /** Settings that this shell has, and the service otherwise. */
  readonly otherInShell: readonly string[];
  /** Settings of one file that another has, too: that one wins. */
  readonly overridden: readonly string[];
}

export interface SourceFile {
  readonly path: string;
  /** `absent`: it may be; `missing`: it must not be. */
  readonly state: 'read' | 'absent' | 'missing' | 'refused';
  readonly faults: readonly FileFault[];
  readonly values: ReadonlyMap<string, { readonly value: string; readonly line: number }>;
  /** May everybody read it? */
  readonly isOpen: boolean;
}

/** systemd's own path for it, in messages. */
export const SHELL = 'shell';

/**
 * systemd's order: Environment=, then the files, the later one wins (systemd.exec(5)), then what stands on the command line.
 * @throws Error of a unit's file that was named
 */
export function readSources(
  shell: Environment,
  { unitPath, files: named }: { unitPath: string | undefined; files: readonly string[] },
): Sources {
  const unit = named.length > 0 && unitPath === undefined ? null : readUnit(unitPath);
  const wanted = named.length > 0 ? named.map((path) => ({ path, isOptional: false })) : (unit?.files ?? []);
  const files = wanted.map(({ path, isOptional }) => readSource(path, isOptional));
  const isKnown = (unit !== null || files.length > 0) && files.every(({ state }) => state !== 'refused');
  if (!isKnown)
    return { unit, files, ...ofShell(shell), isOfService: false, otherInShell: [], overridden: [] };
  const layers = layersOf(unit, files);
  const env: Record<string, string> = {};
  const from = new Map<string, string>();
  const overridden = new Set<string>();
  for (const { name: layer, isFile, values } of layers)
    for (const [name, value, where] of values) {
      const before = from.get(name);
      if (isFile && before?.startsWith('/') && !before.startsWith(`${layer}:`) && env[name] !== value)
        overridden.add(name);
      env[name] = value;
      from.set(name, where);
    }
  const otherInShell = SETTING_NAMES.filter((name) => shell[name] !== undefined && shell[name] !== env[name]);
  return {
    unit,
    files,
    env,
    from,
    isOfService: true,
    otherInShell,
    overridden: [...overridden].filter(isSetting),
  };
}

const isSetting = (name: string) => (SETTING_NAMES as readonly string[]).includes(name);

function layersOf(unit: Unit | null, files: readonly SourceFile[]) {
  const ofUnit = (name: string, values: Readonly<Record<string, string>> = {}) => ({
    ...{ name, isFile: false },
    values: Object.entries(values).map(([key, value]) => [key, value, name] as const),
  });
  return [
    ofUnit('systemd Environment=', unit?.environment),
    ...files.map(({ path, values }) => ({
      ...{ name: path, isFile: true },
      values: [...values].map(([key, { value, line }]) => [key, value, `${path}:${line}`] as const),
    })),
    ofUnit('systemd ExecStart=', unit?.commandLine),
  ];
}

function ofShell(shell: Environment) {
  const given = SETTING_NAMES.filter((name) => shell[name]);
  return { env: shell, from: new Map(given.map((name) => [name, SHELL])) };
}

function readSource(path: string, isOptional: boolean): SourceFile {
  const nothing = { path, faults: [], values: new Map(), isOpen: false };
  try {
    const { entries, faults } = parseEnvFile(readFileSync(path, 'utf8'));
    const values = new Map(entries.map(({ name, value, line }) => [name, { value, line }]));
    return { path, state: 'read', faults, values, isOpen: (statSync(path).mode & 0o004) !== 0 };
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return { ...nothing, state: isMissing ? (isOptional ? 'absent' : 'missing') : 'refused' };
  }
}
