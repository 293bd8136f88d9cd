/**
 * Two hosts behind one Nginx, as docs/scaling.md has it: 127.0.0.2 and 127.0.0.3, each with a sidecar and a backend of its own.
 */
import { startNginx } from '../lab/nginx.ts';
import { freePort, freePorts } from '../lab/ports.ts';
import { makeScratchFolder } from '../lab/scratch-folder.ts';
import type { SidecarProcess } from '../lab/sidecar.ts';
import { type DrillBackend, startBackend } from './backend-process.ts';
import type { BackendKind } from './drill.ts';
import { countJournals } from './journal.ts';
import { startSidecar } from './scene.ts';

const ADDRESSES = ['127.0.0.2', '127.0.0.3'] as const;

export type Host = Awaited<ReturnType<typeof startHost>>;

/** Takes the settings that both sidecars have in common. */
export async function startTwoHosts(kind: BackendKind, env: Readonly<Record<string, string>>) {
  await using parts = new AsyncDisposableStack();
  const ports = await freePorts(ADDRESSES.length);
  const hosts: Host[] = [];
  for (const [index, address] of ADDRESSES.entries()) {
    hosts.push(parts.use(await startHost(kind, { ...env, HOST: address, PORT: String(ports[index]) })));
  }
  const port = await freePort();
  const folder = makeScratchFolder('two-hosts');
  parts.defer(() => folder.remove());
  parts.use(await startNginx(folder, { http: balancer(port, ports) }));
  const kept = parts.move();
  return {
    /** Nginx's. */
    port,
    hosts,
    /** POSTs that any backend has got, or both together, more than once. */
    doubledPosts: () => countJournals(hosts.map(({ backend }) => backend.journal)).doubledPosts,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function startHost(kind: BackendKind, env: Record<string, string>) {
  await using parts = new AsyncDisposableStack();
  const backend: DrillBackend = parts.use(await startBackend({ kind }));
  const start = () => startSidecar({ ...env, BACKEND_URL: backend.url });
  let sidecar: SidecarProcess = await start();
  parts.defer(() => sidecar[Symbol.asyncDispose]());
  const kept = parts.move();
  return {
    backend,
    /** Both die at once, without a word. */
    async kill() {
      await Promise.all([sidecar.end('SIGKILL'), backend.kill()]);
    },
    /** At its old addresses. */
    async restart() {
      await backend.restart();
      sidecar = await start();
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** The upstream of docs/scaling.md. */
const balancer = (port: number, ports: readonly number[]) => `
  upstream gogomarket_api {
    ${ADDRESSES.map((address, index) => `server ${address}:${ports[index]} max_fails=1 fail_timeout=2s;`).join('\n    ')}
    keepalive 32;
    keepalive_timeout 4s;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://gogomarket_api;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_request_buffering off;
      proxy_buffering off;
      proxy_connect_timeout 5s;
    }
  }`;
