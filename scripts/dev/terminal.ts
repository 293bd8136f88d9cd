/** What `npm run dev` prints of a request on a terminal, and what can be typed there. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { styleText } from 'node:util';
import { DEMO_ACTIONS, type DemoData } from './demo/data.ts';
import { isAccess, type LogLine, readable } from './log-lines.ts';

type Style = Parameters<typeof styleText>[0];

/** Paints a text, or leaves it as it is. */
export type Paint = (style: Style, text: string) => string;

/** Colours unless NO_COLOR is set. */
const paintTerminal: Paint = (style, text) => styleText(style, text, { stream: process.stdout });

/** Nothing but the path is cut, and of that at least so much is shown. */
const MIN_PATH = 12;

/** `12:00:01  200  GET     3.1 ms  proxy     /api/products`, no wider than the terminal. */
export function requestLine(entry: LogLine, columns: number, paint: Paint): string {
  const { time = '', method, path, status, ms, kind, aborted } = entry;
  const isNarrow = columns < NARROW_COLUMNS;
  const before: (readonly [text: string, style: Style])[] = [
    ...(isNarrow ? [] : [[time.slice(11, 19), 'dim'] as const]),
    [String(status).padStart(3), statusStyle(Number(status))],
    [String(method).padEnd(7), 'bold'],
    [duration(Number(ms)).padStart(8), Number(ms) > SLOW_MS ? 'yellow' : 'dim'],
    ...(isNarrow ? [] : [[String(kind).padEnd(9), kind === 'local' ? 'cyan' : 'dim'] as const]),
  ];
  const end = aborted ? '  cut short' : '';
  const used = before.reduce((width, [text]) => width + text.length + GAP.length, 0) + end.length;
  const room = Math.max(MIN_PATH, columns - used);
  const target = cut(String(path), room);
  return (
    before.map(([text, style]) => paint(style, text)).join(GAP) +
    GAP +
    target +
    (end === '' ? '' : paint('red', end))
  );
}

const GAP = '  ';
const SLOW_MS = 1_000;
/** Below, time and kind are left out. */
const NARROW_COLUMNS = 80;

function statusStyle(status: number): Style {
  if (status >= 500) return 'red';
  if (status >= 400) return 'yellow';
  return status >= 300 ? 'cyan' : 'green';
}

function duration(ms: number): string {
  if (ms < 1_000) return `${ms.toFixed(1)} ms`;
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

/** The end of a path says more than its middle. */
function cut(path: string, room: number): string {
  if (path.length <= room) return path;
  const end = Math.floor((room - 1) / 2);
  return `${path.slice(0, room - 1 - end)}…${path.slice(path.length - end)}`;
}

/** A line of the sidecar's output, for whoever looks at the terminal or reads a file. */
export function printLine(line: string, entry: LogLine | null): void {
  if (process.stdout.isTTY && entry !== null && isAccess(entry))
    console.log(requestLine(entry, process.stdout.columns, paintTerminal));
  else for (const readableLine of readable(line)) console.log(`sidecar | ${readableLine}`);
}

export interface TypedCommands {
  /** `null`: there is nothing to open. */
  readonly consoleUrl: string | null;
  /** A token of a demo account; @throws Error with a sentence */
  token(account: string): Promise<string>;
  restart(): Promise<void>;
  quit(): void;
  readonly data: Pick<DemoData, 'run' | 'sets'>;
}

export const COMMANDS_HELP =
  'Type, with Enter: o open the console · t seller a token (buyer, seller, courier, admin) · r restart the sidecar · d demo data · q quit · ? this';

const DATA_HELP =
  'd fill puts demo data in · d save NAME keeps what is there as a set · d load NAME brings one back · d remove NAME · d reset takes everything away · d list';

/** Reads commands until the input ends. */
export function readCommands(
  commands: TypedCommands,
  say: (text: string) => void,
  input: NodeJS.ReadableStream = process.stdin,
): void {
  // Ctrl-C stays a signal: without a terminal of its own readline leaves it alone.
  createInterface({ input, terminal: false }).on('line', (line) => {
    obey(line.trim(), commands, say).catch((error) =>
      say(error instanceof Error ? error.message : String(error)),
    );
  });
}

async function obey(line: string, commands: TypedCommands, say: (text: string) => void): Promise<void> {
  const [word = '', ...args] = line.split(/\s+/);
  if (word === '') return;
  if (word === 'q') commands.quit();
  else if (word === 'r') await commands.restart();
  else if (word === 't') console.log(await commands.token(args[0] ?? 'buyer'));
  else if (word === 'o') openPage(commands.consoleUrl, say);
  else if (word === 'd') say(await change(commands.data, args));
  else say(COMMANDS_HELP);
}

async function change(data: TypedCommands['data'], [wanted = '', name]: string[]): Promise<string> {
  const action = DEMO_ACTIONS.find((known) => known === wanted);
  if (action !== undefined) return data.run(action, name);
  if (wanted !== 'list') return DATA_HELP;
  const sets = await data.sets();
  const lines = (sets ?? []).map((set) => `${set.name}, ${Math.round(set.bytes / 1_000_000)} MB`);
  return lines.length === 0 ? 'There are no sets.' : lines.join('\n');
}

function openPage(url: string | null, say: (text: string) => void): void {
  if (url === null) {
    say('The console is off (--no-console).');
    return;
  }
  const [program, ...args] = OPENERS[process.platform] ?? ['xdg-open'];
  const child = spawn(program ?? '', [...args, url], { stdio: 'ignore', detached: true });
  child.on('error', () => say(`No browser could be opened: open ${url}`));
  child.unref();
}

const OPENERS: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', ''],
};

/** By the demo backend's own login, through the sidecar. @throws Error with a sentence */
export async function demoTokenFrom(sidecarUrl: string, account: string): Promise<string> {
  const answer = await fetch(`${sidecarUrl}/api/auth/login`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      email: account.includes('@') ? account : `${account}@demo.com`,
      password: 'demo123',
    }),
  }).catch(() => null);
  const body = (await answer?.json().catch(() => null)) as { access_token?: unknown } | null | undefined;
  if (typeof body?.access_token === 'string') return body.access_token;
  throw new Error(
    `There is no token for ${account}: only the demo backend's accounts have a known password.`,
  );
}
