/**
 * Sends requests from a process of its own, so that neither the drill nor the sidecar shares its core.
 */
import { serveCommands } from '../lab/worker.ts';
import { type Ask, requestsOf } from './ask.ts';
import { KeepAliveClient } from './client.ts';
import { type ArrivalResult, arrivals, closedLoop, type LoadClient } from './load.ts';
import { QuickClient } from './quick-client.ts';

export type LoadCommand =
  /** Opens the connections of what comes next. */
  | { readonly kind: 'open'; readonly port: number; readonly ask: Ask; readonly connections: number }
  /** Each connection sends its next request when it has the answer to the one before; closes them. */
  | { readonly kind: 'closed-loop'; readonly ask: Ask; readonly forMs: number }
  /** Requests at a fixed rate, whatever becomes of them; closes the connections. */
  | { readonly kind: 'open-loop'; readonly ask: Ask; readonly perSecond: number; readonly forMs: number };

/** Connections that are opened at a time: fewer than a listen backlog of Node's holds. */
const OPEN_AT_ONCE = 100;

/** Connections that wait for requests. */
let clients: readonly OpenClient[] = [];

interface OpenClient extends LoadClient {
  open(): Promise<void>;
}

async function perform(command: LoadCommand): Promise<ArrivalResult> {
  if (command.kind === 'open') {
    clients = await openClients(command);
    return { samples: [], unsent: 0, sendingMs: 0 };
  }
  const { forMs, ask } = command;
  const next = requestsOf(ask);
  if (command.kind === 'closed-loop') return closedLoop({ clients, forMs, next });
  return arrivals({ perSecond: command.perSecond, forMs, clients, next });
}

async function openClients({ port, ask, connections }: Extract<LoadCommand, { kind: 'open' }>) {
  const Client = ask.kind === 'upload' ? KeepAliveClient : QuickClient;
  const opened: OpenClient[] = [];
  while (opened.length < connections) {
    const size = Math.min(OPEN_AT_ONCE, connections - opened.length);
    const batch = Array.from({ length: size }, () => new Client(port));
    await Promise.all(batch.map((client) => client.open()));
    opened.push(...batch);
  }
  // The kernel takes connections in advance. When the last one is answered, the sidecar has taken all of them.
  await opened.at(-1)?.perform(requestsOf(ask)());
  return opened;
}

serveCommands(perform);
