/**
 * Sends uploads from a process of its own, so that neither the drill nor the sidecar shares its core.
 */
import { serveCommands } from '../lab/worker.ts';
import { KeepAliveClient } from './client.ts';
import { type ArrivalResult, arrivals, loadFor } from './load.ts';
import { uploads } from './uploads.ts';

export type LoadCommand = { readonly port: number } & (
  | /** Opens the connections of the open loop ahead of it. */
  { readonly kind: 'open'; readonly connections: number }
  /** So many clients, each sending its next upload when it has the answer to the one before. */
  | { readonly kind: 'closed-loop'; readonly token: string; readonly clients: number; readonly forMs: number }
  /** Uploads at a fixed rate over the open connections, whatever becomes of them; closes the connections. */
  | { readonly kind: 'open-loop'; readonly token: string; readonly perSecond: number; readonly forMs: number }
);

/** Connections that are opened at a time: fewer than a listen backlog of Node's holds. */
const OPEN_AT_ONCE = 100;

/** Connections that wait for requests. */
let clients: readonly KeepAliveClient[] = [];

async function perform(command: LoadCommand): Promise<ArrivalResult> {
  const { port, kind } = command;
  if (kind === 'open') {
    clients = await openClients(port, command.connections);
    return { samples: [], unsent: 0, sendingMs: 0 };
  }
  const { forMs, token } = command;
  const next = uploads(token);
  if (kind === 'open-loop') {
    return await arrivals({ port, perSecond: command.perSecond, forMs, maxConnections: 0, clients, next });
  }
  const samples = await loadFor(forMs, { port, clients: command.clients, everyMs: 0, next });
  return { samples, unsent: 0, sendingMs: forMs };
}

async function openClients(port: number, count: number): Promise<readonly KeepAliveClient[]> {
  const opened: KeepAliveClient[] = [];
  while (opened.length < count) {
    const size = Math.min(OPEN_AT_ONCE, count - opened.length);
    const batch = Array.from({ length: size }, () => new KeepAliveClient(port));
    await Promise.all(batch.map((client) => client.open()));
    opened.push(...batch);
  }
  return opened;
}

serveCommands(perform);
