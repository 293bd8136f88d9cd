/**
 * `npm run dev`: the sidecar in front of everything it needs, on a machine with nothing but Node. What the environment
 * (or .env) names is used instead of the embedded part.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { banner } from './dev/banner.ts';
import { removeData, sidecarPidFile, stopOrphans } from './dev/clear-up.ts';
import type { Console } from './dev/console/start.ts';
import type { Surroundings } from './dev/console/state/state.ts';
import type { Webhooks } from './dev/console/state/webhooks.ts';
import type { DemoData } from './dev/demo/data.ts';
import { NO_LAN, openLan } from './dev/lan/lan.ts';
import { type DevOptions, HELP, IS_ROOT, PROJECT, parseOptions } from './dev/options.ts';
import { type PartContext, type Settings, startBackend, startDatabase, startStorage } from './dev/parts.ts';
import { type RunningParts, runParts } from './dev/running-parts.ts';
import { writeSampleFile } from './dev/sample-file.ts';
import { checkConfiguration } from './dev/sidecar-process.ts';
import { runSidecar } from './dev/sidecar-run.ts';
import { StartTimes } from './dev/start-times.ts';
import { type StateFolder, takeStateFolder } from './dev/state-folder.ts';
import { closedFolder } from './dev/state-place.ts';
import { COMMANDS_HELP, demoTokenFrom, printLine, readCommands } from './dev/terminal.ts';
import { isListening } from './lab/ports.ts';
import { readCommandLine } from './lib/command-line.ts';

const ENV_FILE = join(PROJECT, '.env');
const DEFAULT_PORT = 8010;
/** For what is made only later, so that a mistake in the settings is told before anything starts. */
const PLACEHOLDERS = { JWT_SECRET: 'later', DATABASE_URL: 'postgresql://later@later' };

function main(): void {
  const options = readCommandLine(HELP, parseOptions);
  if (options === null) return;
  const shell = { ...process.env };
  runParts(
    async (parts) => {
      const settings = readSettings();
      const hasLan = options.lan || options['lan-address'].length > 0;
      const lan = hasLan ? openLan(options['lan-address']) : NO_LAN;
      const state = await openStateFolder(resolve(options.state), settings);
      parts.onStop(state.release);
      // What was typed wins: .env may well say 127.0.0.1, as its example does.
      const wanted = hasLan ? { ...settings, HOST: '0.0.0.0' } : settings;
      await start({ settings: wanted, state, parts, say, lan }, options, shell);
    },
    { underNpm: shell.npm_lifecycle_event !== undefined },
  );
}

/** The environment, .env behind it, without blank values. @throws Error with a sentence */
function readSettings(): Settings {
  if (existsSync(ENV_FILE)) {
    const text = readEnvFile();
    // As PowerShell's `>` writes it. Node would find no setting in it.
    if (text.includes('\0')) throw new Error(`${ENV_FILE} is UTF-16: save it as UTF-8.`);
    process.loadEnvFile(ENV_FILE);
  }
  const given = Object.entries(process.env).filter(([, value]) => value !== undefined && value.trim() !== '');
  return Object.fromEntries(given) as Record<string, string>;
}

function readEnvFile(): string {
  try {
    return readFileSync(ENV_FILE, 'utf8');
  } catch (error) {
    throw new Error(`${ENV_FILE} cannot be read: ${(error as Error).message}`);
  }
}

/** @throws Error with a sentence */
async function openStateFolder(path: string, settings: Settings): Promise<StateFolder> {
  const advice = 'Choose another folder: npm run dev -- --state DIR';
  const closed = IS_ROOT && settings.DATABASE_URL === undefined ? closedFolder(path) : null;
  if (closed !== null && closed !== path) {
    throw new Error(
      `${closed} is closed to PostgreSQL, which does not run as root but as "nobody". ${advice}`,
    );
  }
  try {
    return await takeStateFolder(path);
  } catch (error) {
    if (!isRefused(error)) throw error;
    throw new Error(`${path} cannot be written. ${advice}`, { cause: error });
  }
}

function isRefused(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const isCode = 'code' in error && ['EACCES', 'EROFS', 'EPERM'].includes(String(error.code));
  return isCode || isRefused(error.cause);
}

/** @param shell the environment without .env */
async function start(context: PartContext, options: DevOptions, shell: NodeJS.ProcessEnv): Promise<void> {
  const { settings, state, parts, lan } = context;
  await checkConfiguration({ ...PLACEHOLDERS, ...settings });
  await stopOrphans(state, say);
  const address = await freeAddress(settings);
  if (options.reset) removeData(state, say);
  const jwtSecret = settings.JWT_SECRET ?? state.secret('jwt-secret');
  const times = new StartTimes(parts.signal);
  const database = await times.of('database', startDatabase(context));
  const storage = await times.of('storage', startStorage(context));
  const backend = await times.of('backend', startBackend(context, { databaseUrl: database.url, jwtSecret }));
  const port = String(address.port);
  const webhooks = options.console ? await openReceiver(context) : undefined;
  const made = { ...database.env, ...storage.env, ...backend.env, ...webhooks?.env };
  const env = { ...settings, PORT: port, JWT_SECRET: jwtSecret, ...made };
  const { openDemoData } = await import('./dev/demo/data.ts');
  const data = openDemoData(env, { state, database, storage });
  const where = { backend: backend.what, database: database.what, storage: storage.what };
  const observer = options.console
    ? await openConsole(context, env, address.port, { webhooks, data, where }, shell)
    : undefined;
  const running = {
    ...{ env, ...address, watch: options.watch, pidFile: sidecarPidFile(state), observer },
    nodeFlags: lan.nodeFlags,
  };
  const restart = await times.of('sidecar', runSidecar({ ...running, print: printLine, say }, parts));
  if (options.demo) say(await times.of('demo data', data.run('fill')));
  console.log(
    banner({
      sidecarUrl: address.url,
      consoleUrl: observer?.url ?? null,
      devices: lan.devices(address.port),
      ...where,
      token: backend.token,
      sampleFile: writeSampleFile(state.at('dot.png')),
      notes: [...lan.notes, ...notes(settings, backend.token !== null, options.watch), times.sentence()],
    }),
  );
  listenToKeyboard({ consoleUrl: observer?.url ?? null, url: address.url, restart, data }, parts);
}

/** @throws Error with a sentence when the port is taken or no port */
async function freeAddress(settings: Settings): Promise<{ port: number; url: string }> {
  const port = Number(settings.PORT ?? DEFAULT_PORT);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Error('PORT must be a whole number from 1 to 65535.');
  }
  const given = settings.HOST ?? '127.0.0.1';
  const host = ['0.0.0.0', '::'].includes(given) ? '127.0.0.1' : given;
  if (await isListening(port, host)) {
    throw new Error(
      `Port ${port} is taken: another program listens on ${host}:${port}, perhaps a sidecar or an \`npm run dev\` elsewhere. ` +
        `Stop it, or choose another port: PORT=${port < 65_535 ? port + 1 : 8010} npm run dev`,
    );
  }
  return { port, url: `http://${host.includes(':') ? `[${host}]` : host}:${port}` };
}

/** Nothing of it is loaded unless it is wanted. */
async function openConsole(
  { state, parts }: PartContext,
  env: Settings,
  port: number,
  known: Surroundings,
  shell: NodeJS.ProcessEnv,
): Promise<Console> {
  const { startConsole } = await import('./dev/console/start.ts');
  const { createSources } = await import('./dev/console/state/settings.ts');
  const surroundings = { ...known, sourceOf: createSources(shell, ENV_FILE) };
  const opened = await startConsole({ folder: state.at('console'), sidecarPort: port, env, surroundings });
  parts.onStop(opened.stop);
  return opened;
}

/**
 * For webhooks, unless they go to a receiver of the developer's own. What waits in a database of the developer's own may be for
 * somebody else: whoever delivers it here takes it away from there.
 */
async function openReceiver({ settings, parts }: PartContext): Promise<Webhooks | undefined> {
  if (settings.EVENTS_WEBHOOK_URL !== undefined || settings.DATABASE_URL !== undefined) return undefined;
  const { openWebhooks } = await import('./dev/console/state/webhooks.ts');
  const opened = await openWebhooks();
  parts.onStop(opened.stop);
  return opened;
}

/** What can be typed; only where somebody is there to type it. */
function listenToKeyboard(
  given: { consoleUrl: string | null; url: string; restart: () => Promise<void>; data: DemoData },
  { stop }: RunningParts,
): void {
  const token = (account: string) => demoTokenFrom(given.url, account);
  if (process.stdin.isTTY) readCommands({ ...given, token, quit: () => stop(0) }, say);
}

function notes(settings: Settings, isDemo: boolean, watch: boolean): string[] {
  const missing = ['JWT_SECRET', 'DATABASE_URL'].filter((name) => settings[name] === undefined);
  return [
    ...(isDemo || missing.length === 0
      ? []
      : [
          `Set ${missing.join(' and ')} to your backend's own, or its tokens and users are unknown to the sidecar.`,
        ]),
    ...(watch ? ['The sidecar restarts when its files change.'] : []),
    ...(process.stdin.isTTY ? [COMMANDS_HELP] : []),
  ];
}

function say(text: string): void {
  console.log(`dev     | ${text}`);
}

main();
