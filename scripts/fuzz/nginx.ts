/**
 * A private nginx in front of a backend, with nothing in it but the proxying that it is the yardstick for.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../lab/ports.ts';
import { PATH_WITH_SBIN } from '../lab/tools.ts';

export interface Nginx {
  readonly port: number;
  stop(): Promise<void>;
}

const PROGRAM = 'nginx';
const PATIENCE_MS = 5_000;

const configuration = (folder: string, port: number, backendPort: number) => `
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  large_client_header_buffers 4 64k;
  underscores_in_headers on;
  upstream backend { server 127.0.0.1:${backendPort}; keepalive 8; }
  server {
    listen 127.0.0.1:${port};
    merge_slashes off;
    location / {
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_request_buffering off;
    }
  }
}
`;

/** @throws Error with what nginx said when it does not start */
export async function startNginx(backendPort: number): Promise<Nginx> {
  const folder = await mkdtemp(join(tmpdir(), 'sidecar-fuzz-nginx-'));
  const [port = 0] = await freePorts(1);
  const file = join(folder, 'nginx.conf');
  await writeFile(file, configuration(folder, port, backendPort));
  const child = spawn(PROGRAM, ['-e', join(folder, 'error.log'), '-c', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, PATH: PATH_WITH_SBIN },
  });
  let complaints = '';
  child.stderr?.on('data', (chunk) => {
    complaints += chunk;
  });
  child.on('error', (error) => {
    complaints += error.message;
  });
  const stop = async () => {
    await ended(child);
    await rm(folder, { recursive: true, force: true });
  };
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (!(await listens(port))) {
    if (child.exitCode !== null || child.pid === undefined || Date.now() > giveUpAt) {
      await stop();
      throw new Error(`nginx did not start: ${complaints}`);
    }
    await sleep(20);
  }
  return { port, stop };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await exit;
}

const listens = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
