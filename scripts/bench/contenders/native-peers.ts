/**
 * nginx and haproxy, where they are installed: one worker or thread, connections to the upstream kept, their logs in files.
 */
import { startHaproxy } from '../../lab/haproxy.ts';
import { startNginx } from '../../lab/nginx.ts';
import { freePort } from '../../lab/ports.ts';
import { outputOf } from '../../lab/tools.ts';
import { type Contender, runningProxy } from './contender.ts';

const KIND = { kind: 'native', forwardsWebSockets: true } as const;

export const NATIVE_PEERS = ['nginx', 'haproxy'] as const;

/** @param say told of each that is not here and so left out */
export function nativePeers(wanted: readonly string[], say: (text: string) => void): Contender[] {
  return [nginx, haproxy].flatMap(({ versionPattern, ...peer }) => {
    if (!wanted.includes(peer.name)) return [];
    const version = versionPattern.exec(outputOf(peer.name, '-v') ?? '')?.[1];
    if (version === undefined) say(`${peer.name} is not installed here: left out`);
    return version === undefined ? [] : { ...KIND, ...peer, version };
  });
}

type NativePeer = Pick<Contender, 'name' | 'setup' | 'start'> & { readonly versionPattern: RegExp };

const haproxy: NativePeer = {
  name: 'haproxy',
  versionPattern: /version (\d[\w.]*)/,
  setup: 'one thread, HTTP mode, default connection reuse, HTTP log to a file',
  async start({ folder, upstreamPort, core }) {
    const port = await freePort();
    return runningProxy(port, await startHaproxy(folder, { port, upstreamPort, core }));
  },
};

/** Streaming both ways, as a front for this backend has to. */
const nginx: NativePeer = {
  name: 'nginx',
  versionPattern: /nginx\/(\S+)/,
  setup: 'one worker, keep-alive to the upstream, buffering off both ways, access log to a file',
  async start({ folder, upstreamPort, core }) {
    const port = await freePort();
    const http = `
  keepalive_timeout 75s;
  keepalive_requests 1000000000;
  client_max_body_size 0;
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  upstream app {
    server 127.0.0.1:${upstreamPort};
    keepalive 64;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    access_log ${folder.at('access.log')};
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_buffering off;
      proxy_request_buffering off;
      proxy_read_timeout 3600s;
    }
  }`;
    return runningProxy(port, await startNginx(folder, { http, connections: 10_000, core }));
  },
};
