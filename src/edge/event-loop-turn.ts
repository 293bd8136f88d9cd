/**
 * What Node does not show of a turn of its event loop. libuv asks the kernel for ready sockets again as long as it gets 1,024 at once,
 * up to 48 times, and only then lets timers run and reads what is new (uv__io_poll): under overload one turn has lasted for seconds.
 */
import { MessageChannel } from 'node:worker_threads';

export interface EventLoopTurn {
  /** Calls `onRead` when everything that is ready now has been read, in this turn or a later one. */
  mark(onRead: () => void): void;
  /** The rest of what is ready is left to the next turn. */
  end(): void;
  close(): void;
}

export function createEventLoopTurn(): EventLoopTurn {
  const { port1, port2 } = new MessageChannel();
  process.on('SIGURG', doNothing);
  return {
    // Sockets are read in the order in which they became ready, but for few, and a message to ourselves is one among them.
    mark(onRead) {
      port1.once('message', onRead);
      // Listening has made it keep the process alive.
      port1.unref();
      port2.postMessage(null);
    },
    // A signal that somebody listens to makes libuv go on to the next turn. This one means nothing to anybody else.
    end: () => process.kill(process.pid, 'SIGURG'),
    close() {
      port1.close();
      process.off('SIGURG', doNothing);
    },
  };
}

function doNothing(): void {}
