/**
 * The same mutated requests through nginx and through the sidecar, each with a backend of its own kind of listening:
 * where the two backends saw something different is listed, and only a request too many is a finding.
 */
import type { Socket } from 'node:net';
import fc from 'fast-check';
import { startNginx } from '../lab/nginx.ts';
import { freePort } from '../lab/ports.ts';
import { makeScratchFolder } from '../lab/scratch-folder.ts';
import { converse } from './conversation.ts';
import { pipeline, requestCorpus } from './corpus.ts';
import { quote } from './findings.ts';
import { readConnection, startFuzzBackend } from './fuzz-backend.ts';
import type { Mode, ModeContext } from './mode.ts';
import { changes, cuts, splitAt } from './mutate.ts';
import { type ReadMessage, readRequests } from './reference-reader.ts';

interface Difference {
  readonly bytes: string;
  readonly nginx: string;
  readonly sidecar: string;
}

/** A request that nobody refuses needs no longer than this to be answered, ms. */
const SETTLE_MS = 5;

export async function compareWithNginx({ sidecar, backend }: ModeContext): Promise<Mode<DifferentialCase>> {
  const behindSidecar = recordRequests();
  const behindNginx = recordRequests();
  backend.handle(behindSidecar.onConnection);
  await sidecar.barrier();
  const nginxBackend = await startFuzzBackend();
  nginxBackend.handle(behindNginx.onConnection);
  const folder = makeScratchFolder('fuzz-nginx');
  const nginxPort = await freePort();
  const nginx = await startNginx(folder, { http: plainProxy(nginxPort, nginxBackend.port) });
  const differences = new Map<string, { count: number; readonly first: Difference }>();
  const run = async ({ bytes, pieces }: DifferentialCase) => {
    await ask(sidecar.port, pieces);
    await sidecar.barrier();
    await ask(nginxPort, pieces);
    const seen = { bytes, sidecar: behindSidecar.take(), nginx: behindNginx.take() };
    const most = Math.max(seen.nginx.length, readRequests(bytes).requests.length);
    note(differences, seen);
    const isMore = seen.sidecar.length > most;
    return {
      problems: isMore ? ['the backend saw more requests than nginx lets through'] : [],
      evidence: { bytes },
    };
  };
  return {
    clients: 1,
    cases: differentialCases,
    connect: () => run,
    async end() {
      await nginx.stop();
      folder.remove();
      await nginxBackend.stop();
      print(differences);
    },
  };
}

interface DifferentialCase {
  readonly bytes: string;
  readonly pieces: readonly string[];
}

const CORPUS = requestCorpus('x.y.z').filter(
  (request) => !/upgrade: websocket|\/reviews|\/uploads|z HTTP/i.test(request),
);

const differentialCases: fc.Arbitrary<DifferentialCase> = fc
  .record({ good: pipeline(CORPUS), change: changes(CORPUS), at: cuts(2) })
  .map(({ good, change, at }) => {
    const bytes = change(good);
    return { bytes, pieces: splitAt(bytes, at) };
  });

/** Nothing but the proxying that it is the yardstick for. */
const plainProxy = (port: number, backendPort: number) => `
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
  }`;

async function ask(port: number, pieces: readonly string[]): Promise<void> {
  const { requests, rest } = readRequests(pieces.join(''));
  const wanted = requests.length + (rest?.kind === 'invalid' ? 1 : 0);
  const isServed = (received: string) => received.split('\r\n\r\n').length > wanted;
  await converse({ port, pieces, leaving: 'served', isServed, quietMs: 200 });
  await new Promise((wake) => setTimeout(wake, SETTLE_MS));
}

function recordRequests() {
  let seen: ReadMessage[] = [];
  return {
    onConnection(socket: Socket) {
      readConnection(socket, {
        onRequest(message) {
          seen.push(message);
          socket.write('HTTP/1.1 204 No Content\r\n\r\n');
        },
        onInvalid: () => socket.destroy(),
      });
    },
    take() {
      const taken = seen;
      seen = [];
      return taken;
    },
  };
}

interface SeenBoth {
  readonly bytes: string;
  readonly sidecar: readonly ReadMessage[];
  readonly nginx: readonly ReadMessage[];
}

function note(
  differences: Map<string, { count: number; readonly first: Difference }>,
  { bytes, sidecar, nginx }: SeenBoth,
): void {
  const kind = kindOf(sidecar, nginx);
  if (kind === null) return;
  const known = differences.get(kind);
  if (known !== undefined) known.count += 1;
  else
    differences.set(kind, { count: 1, first: { bytes, nginx: summary(nginx), sidecar: summary(sidecar) } });
}

function kindOf(sidecar: readonly ReadMessage[], nginx: readonly ReadMessage[]): string | null {
  if (sidecar.length < nginx.length) return 'the sidecar let fewer requests through';
  if (sidecar.length > nginx.length) return 'the sidecar let more requests through';
  for (const [i, ours] of sidecar.entries()) {
    const theirs = nginx[i];
    if (theirs === undefined) continue;
    if (ours.start[0] !== theirs.start[0]) return 'another method';
    if (ours.start[1] !== theirs.start[1]) return 'another target';
    if (ours.body !== theirs.body) return 'another body';
    if (ours.framing !== theirs.framing) return `framing: ${ours.framing} where nginx has ${theirs.framing}`;
    const field = differentField(ours, theirs);
    if (field !== null) return field;
  }
  return null;
}

/** The first header field that only one of them passes on, or passes on differently. */
function differentField(ours: ReadMessage, theirs: ReadMessage): string | null {
  const fields = (message: ReadMessage) =>
    Map.groupBy(
      message.fields.filter(([name]) => !/^x-request-id$/i.test(name)),
      ([name]) => name.toLowerCase(),
    );
  const [our, their] = [fields(ours), fields(theirs)];
  for (const name of new Set([...our.keys(), ...their.keys()])) {
    const label = /^[a-z-]{1,20}$/.test(name) ? name : 'an odd name';
    if (!their.has(name)) return `header ${label}: only the sidecar passes it on`;
    if (!our.has(name)) return `header ${label}: only nginx passes it on`;
    const values = (found: typeof our) => JSON.stringify(found.get(name)?.map(([, value]) => value));
    if (values(our) !== values(their)) return `header ${label}: other values`;
  }
  return null;
}

const summary = (messages: readonly ReadMessage[]) =>
  JSON.stringify(
    messages.map(({ start, fields, body }) => [
      start.join(' '),
      ...fields.map((field) => field.join(': ')),
      body,
    ]),
  );

function print(differences: ReadonlyMap<string, { count: number; readonly first: Difference }>): void {
  for (const [kind, { count, first }] of [...differences].toSorted((a, b) => b[1].count - a[1].count)) {
    process.stdout.write(`\n${count} × ${kind}\n  sent:    ${quote(first.bytes)}\n`);
    process.stdout.write(`  nginx:   ${quote(first.nginx)}\n  sidecar: ${quote(first.sidecar)}\n`);
  }
}
