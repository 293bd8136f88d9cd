/**
 * How much memory a process really needs: asked through Node's inspector, after a full garbage collection. RSS alone
 * says more about the habits of the heap than about a leak.
 */
import { once } from 'node:events';

interface Reply {
  readonly id?: number;
  readonly result?: { readonly usedSize?: number; readonly backingStorageSize?: number };
}

/** @returns bytes in use, buffers included, in the process that was started with `--inspect=127.0.0.1:<port>` */
export async function heapAfterGc(inspectPort: number): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${inspectPort}/json/list`);
  const [target] = (await answer.json()) as { webSocketDebuggerUrl: string }[];
  const socket = new WebSocket(target?.webSocketDebuggerUrl ?? '');
  await once(socket, 'open');
  try {
    await call(socket, 1, 'HeapProfiler.collectGarbage');
    const { result } = await call(socket, 2, 'Runtime.getHeapUsage');
    return (result?.usedSize ?? 0) + (result?.backingStorageSize ?? 0);
  } finally {
    socket.close();
    await once(socket, 'close');
  }
}

async function call(socket: WebSocket, id: number, method: string): Promise<Reply> {
  socket.send(JSON.stringify({ id, method }));
  for (;;) {
    const [event] = (await once(socket, 'message')) as [{ data: string }];
    const reply = JSON.parse(event.data) as Reply;
    if (reply.id === id) return reply;
  }
}
