/** An object store behind something that loses, delays or refuses what is asked of it. */
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { storageEnv } from '../../scripts/lab/throwaway-object-store.ts';
import type { StorageConfig } from '../../src/config/config.ts';

/**
 * `before`: cut without effect. `after`: done, and cut. `never`: done, and not answered. `hangs`: neither. `refused`: 403. A
 * number: that much later, ms.
 */
export type Fault = 'before' | 'after' | 'never' | 'hangs' | 'refused' | number;

/** @param faultOf of each request; false: it goes through */
export async function startBrokenStore(
  config: StorageConfig,
  faultOf: (method: string, url: string) => Fault | false | Promise<Fault | false>,
) {
  const target = new URL(config.endpoint);
  const server = createServer(async (req, res) => {
    const { method = '', url = '' } = req;
    const fault = await faultOf(method, url);
    if (fault === 'before') return req.socket.destroy();
    if (fault === 'hangs') return;
    if (fault === 'refused') return res.writeHead(403).end('<Error><Code>AccessDenied</Code></Error>');
    if (typeof fault === 'number') await sleep(fault);
    const onward = request(
      { host: target.hostname, port: target.port, method, path: url, headers: req.headers },
      (answer) => {
        answer.on('end', () => fault === 'after' && req.socket.destroy());
        if (fault === 'after' || fault === 'never') answer.resume();
        else answer.pipe(res.writeHead(answer.statusCode ?? 0, answer.headers));
      },
    );
    req.pipe(onward.on('error', () => req.socket.destroy()));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    /** For a sidecar that is to use it. */
    env: storageEnv({ ...config, endpoint }),
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}
