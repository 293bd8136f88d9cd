/**
 * How Nginx really sends requests on: a second, private Nginx with the configuration of the first, in which only addresses are
 * other ones. It listens on a port of loopback that nobody knows, and passes on to a listener of ours, which sees what the sidecar
 * would see. The running one is not touched.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { isAbsolute, join } from 'node:path';
import { startNginx } from '../lab/nginx.ts';
import { freePort, listen } from '../lab/ports.ts';
import { makeScratchFolder } from '../lab/scratch-folder.ts';
import type { ApiServer, Node } from './nginx-tree.ts';

export interface Arrival {
  /** As it was sent on. */
  readonly target: string;
  readonly httpVersion: string;
  readonly headers: IncomingMessage['headers'];
}

export interface NginxCopy {
  readonly port: number;
  readonly isTls: boolean;
  /** For requests: as a client writes it where the port is another than the usual one. */
  readonly host: string;
  /** Requests that have come through so far. */
  readonly arrivals: readonly Arrival[];
  stop(): Promise<void>;
}

/** What the listener answers to these; anything else is a 200. */
export const SLOW_ANSWER = '/api/doctor/slow-answer';
export const REFUSED = '/api/doctor/refused';
export const REFUSAL = '{"detail":"doctor","code":"doctor"}';
export const WEB_SOCKET = '/ws/doctor';
export const FIRST_PART = 'x'.repeat(100);

/** @throws Error with Nginx's words */
export async function startNginxCopy(api: ApiServer): Promise<NginxCopy> {
  await using parts = new AsyncDisposableStack();
  const arrivals: Arrival[] = [];
  const sockets = new Set<Socket>();
  const note = ({ url = '', httpVersion, headers }: IncomingMessage) =>
    void arrivals.push({ target: url, httpVersion, headers });
  const listener = createServer({ requireHostHeader: false }, (req, res) => {
    note(req);
    answer(req, res);
  });
  listener.on('connection', (socket) => sockets.add(socket));
  listener.on('upgrade', (req: IncomingMessage, socket: Socket) => {
    note(req);
    socket.on('error', () => undefined);
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    socket.pipe(socket);
  });
  const target = await listen(listener);
  parts.defer(async () => {
    listener.close();
    for (const socket of sockets) socket.destroy();
    await once(listener, 'close');
  });
  const folder = makeScratchFolder('doctor-nginx');
  parts.defer(folder.remove);
  const port = await freePort();
  const http = copyOf(api, port, `127.0.0.1:${target}`);
  const program = await startNginx(folder, { http, modules: api.modules.join('\n') });
  parts.defer(() => program.stop().then(() => undefined));
  const kept = parts.move();
  // A name nobody has (RFC 2606) where the server has none.
  const host = `${api.name ?? 'doctor.example'}:8443`;
  return { port, isTls: api.isTls, host, arrivals, stop: () => kept.disposeAsync() };
}

function answer(req: IncomingMessage, res: ServerResponse): void {
  const isRefused = req.url === REFUSED;
  res.writeHead(isRefused ? 503 : 200, { 'Content-Type': 'application/json' });
  if (req.url === SLOW_ANSWER) res.write(FIRST_PART);
  else res.end(isRefused ? REFUSAL : '{}');
}

/** Files and folders of the running one that a second must not write to, and what would go out to the network. */
const LEFT_OUT =
  /^(access_log|error_log|\w+_temp_path|\w+_cache_path|\w+_cache|\w+_store|ssl_stapling\w*|listen)$/;
/** Their paths count from the folder of the configuration (ngx_conf_full_name). */
const CONF_PATHS =
  /^(ssl_(certificate|certificate_key|client_certificate|trusted_certificate|dhparam|password_file|crl|session_ticket_key)|auth_basic_user_file)$/;

function copyOf(api: ApiServer, port: number, target: string): string {
  const { http, server } = api;
  const write = (node: Node): string => {
    if (LEFT_OUT.test(node.name)) return '';
    if (node.block === null) return `${simple(node)};\n`;
    const extra = node === server ? `listen 127.0.0.1:${port}${api.isTls ? ' ssl' : ''};\n` : '';
    return `${node.source} {\n${extra}${node.block.map(write).join('')}}\n`;
  };
  const simple = ({ name, args, source }: Node): string => {
    const [path = ''] = args;
    if (CONF_PATHS.test(name) && !isAbsolute(path) && !/^[$]|^(data|engine):/.test(path))
      return `${name} "${join(api.folder, path)}"`;
    if (name !== 'proxy_pass') return source;
    return api.addresses.reduce((text, address) => text.replace(`://${address}`, `://${target}`), source);
  };
  const parts = (http.block ?? []).filter((node) => node.name !== 'server' || node === server);
  return parts
    .map((node) =>
      node.name === 'upstream' && api.upstreams.includes(node.args[0] ?? '')
        ? upstream(node, target)
        : write(node),
    )
    .join('');
}

const upstream = ({ source, block }: Node, target: string): string => {
  const others = (block ?? []).filter(({ name }) => name !== 'server').map((node) => `${node.source};`);
  return `${source} { server ${target}; ${others.join(' ')} }\n`;
};
