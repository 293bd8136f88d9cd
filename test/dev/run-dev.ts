/** `npm run dev` as a child process, with what it prints. */
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { chmod, cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, afterEach, before } from 'node:test';
import { freePorts } from '../../scripts/lab/ports.ts';
import { PROGRAMS } from '../../scripts/lab/programs.ts';

/** A slow machine may take its time, ms. */
const PATIENCE_MS = 60_000;
const LAST_LINE = /Ctrl-C stops everything/;

export interface ReadyDev {
  readonly url: string;
  readonly token: string;
  /** The lines to paste, as printed. */
  readonly commands: readonly string[];
  /** Everything that listens. */
  readonly ports: readonly number[];
  readonly sidecarPid: number;
}

export interface DevCommand {
  /** Exit status; 128 after a signal. */
  readonly exited: Promise<number>;
  output(): string;
  /** Waits for words that come after the ones waited for before. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
  /** Waits until it has said how to try it. */
  ready(): Promise<ReadyDev>;
  /** @param group as a terminal does it: every process of the foreground gets the signal */
  kill(signal: NodeJS.Signals, group?: boolean): void;
  /** Stops it in any case. */
  end(): Promise<void>;
}

const REPOSITORY = resolve(import.meta.dirname, '../..');

/** A project without what a developer may have in it, such as .env. @returns its folder, which the caller removes */
export async function copyProject(): Promise<string> {
  const project = await mkdtemp(join(tmpdir(), 'sidecar-test-dev-'));
  // As root PostgreSQL runs as another user, who has to get in.
  await chmod(project, 0o755);
  for (const name of ['src', 'scripts', 'docs', 'package.json'])
    await cp(join(REPOSITORY, name), join(project, name), { recursive: true });
  await symlink(join(REPOSITORY, 'node_modules'), join(project, 'node_modules'));
  return project;
}

/** Starts it with no other settings than the given ones. @param viaNpm through npm and its shell */
export function runDev(
  project: string,
  {
    args = [],
    settings,
    viaNpm = false,
  }: { args?: string[]; settings: Record<string, string>; viaNpm?: boolean },
): DevCommand {
  const [command, first] = viaNpm
    ? ['npm', ['run', 'dev', '--silent', '--']]
    : [process.execPath, ['scripts/dev.ts']];
  const { HOME = '' } = process.env;
  const child = spawn(command, [...first, ...args], {
    cwd: project,
    env: { ...PROGRAMS, HOME, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  let read = 0;
  let isClosed = false;
  const changes = new EventEmitter();
  const collect = (chunk: Buffer) => {
    output += chunk;
    changes.emit('change');
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  // 'close', not 'exit': then all output is there, and everyone who could write more is gone.
  const exited = once(child, 'close').then(([status]) => {
    isClosed = true;
    changes.emit('change');
    return status ?? 128;
  });

  const kill = (signal: NodeJS.Signals, group = false) => {
    if (child.pid !== undefined) process.kill(group ? -child.pid : child.pid, signal);
  };
  const says = async (pattern: RegExp) => {
    const patience = AbortSignal.timeout(PATIENCE_MS);
    for (;;) {
      const found = pattern.exec(output.slice(read));
      if (found) {
        read += found.index + found[0].length;
        return found;
      }
      if (isClosed || patience.aborted) throw new Error(`did not say ${pattern}; it said:\n${output}`);
      await once(changes, 'change', { signal: patience }).catch(() => undefined);
    }
  };
  return {
    exited,
    output: () => output,
    says,
    kill,
    async ready() {
      await says(LAST_LINE);
      return readBanner(output);
    },
    async end() {
      if (child.exitCode === null && child.signalCode === null) kill('SIGTERM', true);
      await exited;
    },
  };
}

function readBanner(output: string): ReadyDev {
  const commands = output.split('\n').filter((line) => /^(export|curl) /.test(line));
  const places = [...output.matchAll(/^ {2}\w+ +.*127\.0\.0\.1:(\d+)/gm)];
  return {
    url: /sidecar +(http:\S+)/.exec(output)?.[1] ?? '',
    token: /^export TOKEN=(\S+)$/m.exec(output)?.[1] ?? '',
    commands,
    ports: [...new Set(places.map(([, port]) => Number(port)))],
    sidecarPid: Number(/listening.*pid=(\d+)/.exec(output)?.[1]),
  };
}

/** A project with ports of its own, for the tests of one file or suite; what a test runs in it ends with the test. */
export function devProject() {
  const running: DevCommand[] = [];
  const project = {
    folder: '',
    env: {} as Record<string, string>,
    run(args: string[] = [], settings: Record<string, string> = {}, viaNpm = false): DevCommand {
      const command = runDev(project.folder, { args, settings: { ...project.env, ...settings }, viaNpm });
      running.push(command);
      return command;
    },
  };
  before(async () => {
    project.folder = await copyProject();
    const [port = 0, backendPort = 0] = await freePorts(2);
    project.env = { PORT: String(port), BACKEND_URL: `http://127.0.0.1:${backendPort}` };
  });
  afterEach(async () => {
    for (const command of running.splice(0)) await command.end();
  });
  after(() => rm(project.folder, { recursive: true, force: true }));
  return project;
}
