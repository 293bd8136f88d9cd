/** Nginx, as its operator talks to it: `nginx -t`, `nginx -T`, `nginx -s reload`. */
import { readFileSync, realpathSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { type Directive, parseNginx } from './nginx-syntax.ts';
import { runProgram } from './run-program.ts';

export interface NginxFacts {
  /** Every file that it reads, as it names them, with what is in it. */
  readonly files: ReadonlyMap<string, string>;
  /** Where it writes what happens to the whole server; may be empty. */
  readonly logFiles: readonly string[];
  /** Where else it writes that: `syslog:…`, `stderr`. */
  readonly otherLogs: readonly string[];
  readonly pidFile: string;
}

export interface NginxAnswer {
  readonly ok: boolean;
  /** What it said; may be warnings only. */
  readonly words: string;
}

export interface Nginx {
  /** As one would type it. */
  readonly commandLine: string;
  /** Is the configuration on the disk one that it would take? */
  test(signal?: AbortSignal): Promise<NginxAnswer>;
  /** What is in that configuration. @throws Error with its words when it is not one */
  facts(): Promise<NginxFacts>;
  /** Asks the running one to read it. That this is `ok` means only that the signal was sent. */
  reload(): Promise<NginxAnswer>;
}

/** @param commandLine the program and its options, with blanks in between: `nginx -c FILE` */
export function createNginx(commandLine = 'nginx'): Nginx {
  const command = commandLine.split(' ').filter(Boolean);
  const run = async (args: readonly string[], signal?: AbortSignal) => {
    const { status, stdout, stderr } = await runProgram([...command, ...args], { signal });
    return { ok: status === 0, words: stderr.trim(), stdout };
  };
  return {
    commandLine,
    test: (signal) => run(['-t'], signal),
    reload: () => run(['-s', 'reload']),
    async facts() {
      const [dump, version] = [await run(['-T']), await run(['-V'])];
      if (!dump.ok) throw new Error(dump.words);
      return factsOf(dump.stdout, version.words, command);
    },
  };
}

/** @param version what `nginx -V` says: what was compiled in */
export function factsOf(dump: string, version: string, command: readonly string[]): NginxFacts {
  const option = (name: string) => {
    const at = command.indexOf(name);
    return at === -1 ? undefined : command[at + 1];
  };
  const compiled = (name: string) => new RegExp(`--${name}=(\\S+)`).exec(version)?.[1];
  const prefix = option('-p') ?? compiled('prefix') ?? '/';
  const absolute = (path: string) => (isAbsolute(path) ? path : join(prefix, path));
  const files = filesOf(dump);
  const directives = [...files.values()].flatMap(parsedIfPossible);
  const values = (name: string) =>
    directives.filter((directive) => directive.name === name).map(({ args }) => args[0] ?? '');
  const logs = values('error_log');
  if (logs.length === 0) logs.push(option('-e') ?? compiled('error-log-path') ?? 'logs/error.log');
  const isFile = (log: string) => log !== 'stderr' && !/^(syslog|memory):/.test(log);
  return {
    files,
    logFiles: [...new Set(logs.filter(isFile).map(absolute))],
    otherLogs: logs.filter((log) => !isFile(log)),
    pidFile: absolute(values('pid').at(-1) ?? compiled('pid-path') ?? 'logs/nginx.pid'),
  };
}

/** `nginx -T` writes each file once, behind a line with its name. */
function filesOf(dump: string): Map<string, string> {
  const parts = dump.split(/^# configuration file (.+):$/m).slice(1);
  const pairs = parts.flatMap((part, i) => (i % 2 === 0 ? [[part, parts[i + 1] ?? ''] as const] : []));
  return new Map(pairs);
}

/** A file of a module with a language of its own (`content_by_lua_block`) is none that we understand. */
function parsedIfPossible(text: string): Directive[] {
  try {
    return parseNginx(text);
  } catch {
    return [];
  }
}

/** The names by which Nginx reads a file, links followed. */
export const namesOf = (facts: NginxFacts, realPath: string): string[] =>
  [...facts.files.keys()].filter((name) => {
    try {
      return realpathSync(name) === realPath;
    } catch {
      return false;
    }
  });

/** Of the running one; null when it cannot be known. */
export function masterPid({ pidFile }: NginxFacts): number | null {
  try {
    const pid = Number(readFileSync(pidFile, 'utf8').trim());
    return Number.isInteger(pid) && pid > 1 ? pid : null;
  } catch {
    return null;
  }
}
