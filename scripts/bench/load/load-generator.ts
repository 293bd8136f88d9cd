/**
 * Child process: sends the load, checks every answer, measures how long each took. Bare node:net and ready-made
 * requests, so that one core can saturate a proxy on another.
 */
import { serveCommands } from '../../lab/worker.ts';
import { apiRequests, requestOf } from './api-requests.ts';
import { ApiClient, HttpClient, WebSocketClient } from './clients.ts';
import { ClosedLoop, type LoadClient } from './closed-loop.ts';
import type { LoadCommand, LoadResult } from './messages.ts';
import { download, upload } from './transfer.ts';

/** Connections that are opened at a time: fewer than a listen backlog of Node's holds. */
const OPEN_AT_ONCE = 100;
const POSTS_ONE_IN = 5;
const NOTHING: LoadResult = { wallUs: 0, p50Us: 0, p99Us: 0 };

/** What is open, the last on top: idle WebSockets stay below the requests that are sent beside them. */
const loops: ClosedLoop[] = [];
/** Requests to the sidecar's own routes so far: a user comes back when all the others have been. */
let asked = 0;

async function perform(command: LoadCommand): Promise<LoadResult> {
  switch (command.kind) {
    case 'open':
      return await open(command.connections, (i) => new HttpClient(methodOf(command, i), i));
    case 'open-api':
      return await open(command.connections, () => {
        const nextRequest = () => apiRequests[command.ask](1 + (asked++ % command.users));
        return new ApiClient(command.port, nextRequest);
      });
    case 'open-questions': {
      const requests = command.questions.map(requestOf);
      const next = () => requests[asked++ % requests.length] ?? requestOf({ path: '/', answerHas: '' });
      return await open(command.connections, () => new ApiClient(command.port, next));
    }
    case 'open-websockets':
      return await open(command.connections, (i) => new WebSocketClient(command.port, i));
    case 'run':
      return (await loops.at(-1)?.run(command.exchanges)) ?? NOTHING;
    case 'run-paced':
      return (await loops.at(-1)?.runPaced(command.exchanges, command.perSecond)) ?? NOTHING;
    case 'close':
      loops.pop()?.close();
      return NOTHING;
    case 'download':
      return await download(command.port, command.bytes);
    case 'upload':
      return await upload(command.port, command.bytes);
  }
}

type OpenCommand = Extract<LoadCommand, { kind: 'open' }>;

/** `mixed` is another method on each fifth connection. */
function methodOf(command: OpenCommand, index: number): OpenCommand {
  if (command.method !== 'mixed') return command;
  return { ...command, method: index % POSTS_ONE_IN === 0 ? 'POST' : 'GET' };
}

async function open(connections: number, create: (index: number) => LoadClient): Promise<LoadResult> {
  const clients: LoadClient[] = [];
  while (clients.length < connections) {
    const first = clients.length;
    const count = Math.min(OPEN_AT_ONCE, connections - first);
    const batch = Array.from({ length: count }, (_, i) => create(first + i));
    await Promise.all(batch.map((client) => client.opened));
    clients.push(...batch);
  }
  loops.push(new ClosedLoop(clients));
  return NOTHING;
}

serveCommands(perform);
