/**
 * nginx as a private instance: one worker, connections to the upstream kept, streaming both ways as a front for this
 * backend has to, access log to a file.
 */
import { writeFileSync } from 'node:fs';
import { outputOf } from '../machine/tools.ts';
import { type Contender, startProxy } from './contender.ts';

/** @returns undefined when it is not installed */
export function findNginx(): Contender | undefined {
  const version = /nginx\/(\S+)/.exec(outputOf('nginx', '-v') ?? '')?.[1];
  if (version === undefined) return undefined;
  return {
    name: 'nginx',
    version,
    kind: 'native',
    forwardsWebSockets: true,
    setup: 'one worker, keep-alive to the upstream, buffering off both ways, access log to a file',
    start: (place) =>
      startProxy(place, (port) => {
        const file = `${place.folder}/nginx.conf`;
        writeFileSync(file, configuration(port, place.upstreamPort, place.folder));
        return { command: 'nginx', args: ['-e', `${place.folder}/error.log`, '-c', file], env: {} };
      }),
  };
}

function configuration(port: number, upstreamPort: number, folder: string): string {
  // As root its worker would become another user, who cannot write to our folder.
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  return `
${user}
daemon off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
worker_processes 1;
worker_rlimit_nofile 20000;
events { worker_connections 10000; }
http {
  access_log ${folder}/access.log;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
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
  }
}
`;
}
