/** Every problem of the settings, and where each of them comes from. */
import { readFileSync } from 'node:fs';
import { parseConfig } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/read-settings.ts';
import { SETTING_NAMES } from '../../src/config/settings.ts';
import { notApplicable, ok, unchecked, wrong } from '../uploads/check.ts';
import { holdersOf, listenersOn } from './listeners.ts';
import { createSetting, type DoctorCheck, isBlind } from './scene.ts';

const FILES: DoctorCheck = {
  name: 'files',
  needs: [],
  async run({ words, sources }) {
    const { files, unit } = sources;
    const refused = files.filter(({ state }) => state === 'refused').map(({ path }) => path);
    if (refused.length > 0) return unchecked(words.filesRefused(refused), words.runAsRoot);
    const problems = files.flatMap(({ path, state, faults, isOpen }) => [
      ...(state === 'missing' ? [words.fileMissing(path)] : []),
      ...(isOpen ? [words.fileOpen(path)] : []),
      ...faults.map((fault) => `${path}:${fault.line}: ${words.fileFault(fault)}`),
    ]);
    if (problems.length > 0) return wrong(problems.join('\n'), words.mendFiles);
    const read = files.filter(({ state }) => state === 'read').map(({ path }) => path);
    if (unit === null && read.length === 0) return notApplicable(words.noUnit);
    return ok(words.filesRead(read, unit?.path ?? null));
  },
};

const VALUES: DoctorCheck = {
  name: 'values',
  needs: [],
  async run(scene) {
    const { words, sources } = scene;
    if (isBlind(scene)) return unchecked(words.settingsUnknown, words.runAsRoot);
    try {
      parseConfig(sources.env);
      return ok(words.valuesGood);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const problems = error.problems.map((problem) => `${problem}${whereFrom(problem, sources.from)}`);
      return wrong(problems.join('\n'), words.mendSettings);
    }
  },
};

/** A problem begins with the name of its setting. */
function whereFrom(problem: string, from: ReadonlyMap<string, string>): string {
  const where = from.get(/^\w+/.exec(problem)?.[0] ?? '');
  return where === undefined ? '' : ` (${where})`;
}

const FROM: DoctorCheck = {
  name: 'where from',
  needs: [],
  async run(scene) {
    const { words, sources } = scene;
    if (isBlind(scene)) return unchecked(words.settingsUnknown, words.runAsRoot);
    const places = new Map<string, string[]>();
    for (const name of SETTING_NAMES) {
      const where = (sources.env[name] && sources.from.get(name)?.replace(/:\d+$/, '')) || words.byDefault;
      places.set(where, [...(places.get(where) ?? []), name]);
    }
    const lines = [...places].map(([where, names]) =>
      where === words.byDefault ? `${where}: ${names.length}` : `${where}: ${names.join(', ')}`,
    );
    if (sources.overridden.length > 0) lines.push(words.overridden(sources.overridden));
    if (sources.otherInShell.length > 0) lines.push(words.otherInShell(sources.otherInShell));
    return ok(lines.join('\n'));
  },
};

/** What runs has read them at its start. */
const RUNNING: DoctorCheck = {
  name: 'running process',
  needs: ['values'],
  async run({ words, sources, setting }) {
    const port = setting('PORT') ?? 0;
    const found = listenersOn(port);
    if (found?.length === 0) return notApplicable(words.nothingListens(port));
    const pids = holdersOf((found ?? []).map(({ inode }) => inode));
    const running = pids.map(environmentOf).find((env) => env !== null && 'JWT_SECRET' in env);
    if (!running) return unchecked(words.processUnseen, words.runAsRoot);
    const [before, now] = [running, sources.env].map((env) => {
      const read = createSetting(env);
      // What cannot be read differs by its text; a default is as good as the same value written down.
      return (name: (typeof SETTING_NAMES)[number]) => JSON.stringify(read(name)) ?? env[name];
    });
    const changed = SETTING_NAMES.filter((name) => before?.(name) !== now?.(name));
    if (changed.length === 0) return ok(words.asStarted);
    return wrong(words.changedSince(changed), words.restart);
  },
};

function environmentOf(pid: number): Record<string, string> | null {
  try {
    const lines = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter(Boolean);
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
  } catch {
    return null;
  }
}

export const settingsChecks = [FILES, VALUES, FROM, RUNNING];
