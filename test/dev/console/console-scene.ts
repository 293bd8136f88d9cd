/** A sidecar that is observed, with the console beside it, as `npm run dev` starts them; the console is in this process. */
import { once } from 'node:events';
import { get, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { type Console, startConsole } from '../../../scripts/dev/console/start.ts';
import type { Surroundings } from '../../../scripts/dev/console/state/state.ts';
import type { Row } from '../../../scripts/dev/console/store/record.ts';
import { startSidecarProcess } from '../../../scripts/dev/sidecar-process.ts';
import { freePort, isListening } from '../../../scripts/lab/ports.ts';
import { type Program, until } from '../../../scripts/lab/programs.ts';
import { makeScratchFolder } from '../../../scripts/lab/scratch-folder.ts';
import { baseEnv } from '../../../scripts/lab/sidecar.ts';

export interface ConsoleScene extends AsyncDisposable {
  readonly console: Console;
  readonly url: string;
  readonly port: number;
  readonly sidecar: Program;
  /** Asks the console's API, below /dev/api. */
  ask(path: string, how?: Asked): Promise<Answer>;
  /** The row that this is true of, once it is over. */
  untilRow(isWanted: (row: Row) => boolean): Promise<Row>;
  /** All that is known of that request. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into the answer as the page would
  detail(n: number, reveal?: boolean): Promise<any>;
  /** Ends the sidecar and starts another, beside the same console. */
  restart(): Promise<void>;
}

export interface Asked {
  readonly method?: string;
  readonly json?: unknown;
  readonly headers?: Record<string, string>;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into the answer as the page would
  readonly body: any;
}

/** @param surroundings for the page State; its webhooks are those of the sidecar, too */
export async function startConsoleScene(
  settings: Record<string, string>,
  surroundings: Surroundings = {},
): Promise<ConsoleScene> {
  const folder = makeScratchFolder('console');
  const port = await freePort();
  const env = { ...baseEnv(settings), PORT: String(port), ...surroundings.webhooks?.env };
  const options = { folder: folder.at('console'), sidecarPort: port, env, surroundings };
  const console = await startConsole(options);
  const start = async () => {
    const options = { watch: false, print: () => undefined, pidFile: folder.at('pid'), observer: console };
    const program = startSidecarProcess(env, options);
    await until('the sidecar to listen', () => isListening(port));
    return program;
  };
  let sidecar = await start();
  const url = `http://127.0.0.1:${port}`;
  const ask = (path: string, how?: Asked) => askConsole(`${url}/dev/api${path}`, how);
  return {
    console,
    url,
    port,
    get sidecar() {
      return sidecar;
    },
    ask,
    async untilRow(isWanted) {
      let found: Row | undefined;
      await until('a row', () => {
        const rows = [...console.records.all()].map((record) => record.row());
        found = rows.findLast((row) => row.ms !== null && isWanted(row));
        return found !== undefined;
      });
      return found as Row;
    },
    detail: async (n, reveal = false) => (await ask(`/requests/${n}${reveal ? '?reveal=1' : ''}`)).body,
    async restart() {
      await sidecar.stop();
      sidecar = await start();
    },
    async [Symbol.asyncDispose]() {
      await sidecar.stop();
      await console.stop();
      folder.remove();
    },
  };
}

async function askConsole(url: string, { method = 'GET', json, headers = {} }: Asked = {}): Promise<Answer> {
  const asked = request(url, { method, headers, agent: false });
  asked.end(json === undefined ? undefined : JSON.stringify(json));
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  const said = await text(answer);
  const isJson = answer.headers['content-type']?.startsWith('application/json');
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    text: said,
    body: isJson ? JSON.parse(said) : null,
  };
}

export interface LiveEvent {
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into the answer as the page would
  readonly data: any;
}

/** Listens as the page does. */
export async function listenLive(scene: ConsoleScene, query = '') {
  const asked = get(`${scene.url}/dev/api/live?${query}`, { agent: false });
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  const events: LiveEvent[] = [];
  let unread = '';
  answer.setEncoding('utf8').on('data', (piece: string) => {
    const parts = `${unread}${piece}`.split('\n\n');
    unread = parts.pop() ?? '';
    for (const part of parts) {
      const [, event = '', data = ''] = /^event: (\w+)\ndata: (.*)$/s.exec(part) ?? [];
      events.push({ event, data: JSON.parse(data) });
    }
  });
  const closed = new Promise<void>((resolve) => answer.once('close', resolve));
  answer.on('error', () => undefined);
  return { events, closed, stop: () => asked.destroy() };
}
