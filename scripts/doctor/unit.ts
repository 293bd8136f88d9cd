/** The service as systemd's files describe it: where its settings come from, and as whom it runs (systemd.exec(5)). */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

export interface Unit {
  readonly path: string;
  /** Its name for systemctl. */
  readonly name: string;
  readonly files: readonly { readonly path: string; readonly isOptional: boolean }[];
  /** Of Environment=. */
  readonly environment: Readonly<Record<string, string>>;
  /** What the command line puts in front of the program: `/usr/bin/env PORT=8010 …`. */
  readonly commandLine: Readonly<Record<string, string>>;
  /** null: a user of its own, which exists only while it runs. */
  readonly user: string | null;
  readonly workingDirectory: string;
}

const FOLDERS = ['/etc/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system'];
const SERVICE = 'gogomarket-sidecar.service';

/** @param given its file; undefined: where systemd looks for it @returns null when there is none @throws Error of the file that was given */
export function readUnit(given: string | undefined): Unit | null {
  const paths = given === undefined ? FOLDERS.map((folder) => join(folder, SERVICE)) : [given];
  for (const path of paths) {
    try {
      const folders =
        given === undefined ? FOLDERS.map((folder) => join(folder, `${SERVICE}.d`)) : [`${path}.d`];
      return parseUnit(path, [readFileSync(path, 'utf8'), ...folders.flatMap(dropInsOf)].join('\n'));
    } catch (error) {
      if (given !== undefined) throw error;
    }
  }
  return null;
}

function dropInsOf(folder: string): string[] {
  try {
    const names = readdirSync(folder).filter((name) => name.endsWith('.conf'));
    return names.sort().map((name) => readFileSync(join(folder, name), 'utf8'));
  } catch {
    return [];
  }
}

export function parseUnit(path: string, text: string): Unit {
  const values = serviceSection(text);
  /** An empty value takes back what was said before. */
  const listOf = (name: string) => {
    const all = values.filter(([key]) => key === name).map(([, value]) => value);
    return all.slice(all.lastIndexOf('') + 1);
  };
  const last = (name: string) => listOf(name).at(-1);
  return {
    path,
    name: basename(path),
    files: listOf('EnvironmentFile').map((file) => ({
      path: file.replace(/^-/, ''),
      isOptional: file.startsWith('-'),
    })),
    environment: assignmentsIn(listOf('Environment').flatMap(wordsOf)),
    commandLine: assignmentsIn(leadingAssignments(wordsOf(last('ExecStart') ?? ''))),
    user: /^(yes|true|1|on)$/.test(last('DynamicUser') ?? '') ? null : (last('User') ?? 'root'),
    workingDirectory: last('WorkingDirectory') ?? '/',
  };
}

function serviceSection(text: string): [key: string, value: string][] {
  let section = '';
  const found: [string, string][] = [];
  for (const line of text
    .replace(/\\\n/g, ' ')
    .split('\n')
    .map((one) => one.trim())) {
    const [, name] = /^\[(\w+)\]$/.exec(line) ?? [];
    if (name !== undefined) section = name;
    const [, key, value] = /^(\w+)\s*=\s*(.*)$/.exec(line) ?? [];
    if (section === 'Service' && key !== undefined && value !== undefined) found.push([key, value]);
  }
  return found;
}

const wordsOf = (text: string): string[] =>
  [...text.matchAll(/"((?:\\.|[^"\\])*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, bare]) => double?.replace(/\\(.)/g, '$1') ?? single ?? bare ?? '',
  );

function leadingAssignments([program = '', ...words]: readonly string[]): string[] {
  if (basename(program) !== 'env') return [];
  const end = words.findIndex((word) => !word.includes('='));
  return words.slice(0, end === -1 ? words.length : end);
}

const assignmentsIn = (words: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    words.flatMap((word) => {
      const sign = word.indexOf('=');
      return sign > 0 ? [[word.slice(0, sign), word.slice(sign + 1)]] : [];
    }),
  );
