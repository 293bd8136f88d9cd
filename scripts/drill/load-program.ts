/**
 * Sends uploads from a process of its own, so that neither the drill nor the sidecar shares its core (load-process.ts).
 */
import { KeepAliveClient } from './client.ts';
import { arrivals, loadFor } from './load.ts';
import type { LoadCommand, LoadReply } from './load-process.ts';
import { uploads } from './uploads.ts';

/** Connections that are opened at a time: fewer than a listen backlog of Node's holds. */
const OPEN_AT_ONCE = 100;

/** Connections that wait for requests. */
let clients: readonly KeepAliveClient[] = [];

async function perform(command: LoadCommand): Promise<LoadReply> {
  switch (command.kind) {
    case 'open':
      clients = await openClients(command.port, command.connections);
      return NOTHING;
    case 'closed-loop': {
      const { port, clients: count, forMs, token } = command;
      const load = { port, clients: count, everyMs: 0, next: uploads(token) };
      return { samples: await loadFor(forMs, load), unsent: 0, sendingMs: forMs };
    }
    case 'open-loop': {
      const { port, perSecond, forMs, token } = command;
      return await arrivals({ port, perSecond, forMs, maxConnections: 0, clients, next: uploads(token) });
    }
  }
}

const NOTHING: LoadReply = { samples: [], unsent: 0, sendingMs: 0 };

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

process.on('message', async (command: LoadCommand) => process.send?.(await perform(command)));
// The drill is gone: so are we.
process.on('disconnect', () => process.exit());
