/** A private nginx between two servers that answer as the sidecar and as the backend, and the command that switches it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { startNginx } from '../../scripts/lab/nginx.ts';
import { freePort, listen } from '../../scripts/lab/ports.ts';
import { type FinishedRun, PROGRAMS, until } from '../../scripts/lab/programs.ts';
import { makeScratchFolder } from '../../scripts/lab/scratch-folder.ts';
import type { Side } from '../../scripts/lib/who-answers.ts';
import { send } from './https-client.ts';

export const CUTOVER = resolve(import.meta.dirname, '../../scripts/cutover.ts');
const UPSTREAM = resolve(import.meta.dirname, '../../deploy/nginx/gogomarket-upstream.conf');

export type Handler = (req: IncomingMessage, res: ServerResponse) => void;

/** What each side answers to the paths that the command asks for; a test may put others in their place. */
export type Answers = Record<Side, Record<string, Handler>>;

export type CutoverScene = Awaited<ReturnType<typeof startCutoverScene>>;

/** A handler that always says the same. */
export const answer =
  (status: number, body: unknown, headers: Record<string, string> = {}): Handler =>
  (_req, res) => {
    res.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
  };

const ordinaryAnswers = (): Answers => ({
  sidecar: {
    '/api/uploads/limits': answer(200, { kinds: {} }, { 'X-Request-Id': 'a1' }),
    '/readyz': answer(200, { status: 'ok' }),
    '/healthz': answer(200, { status: 'ok' }),
  },
  backend: { '/healthz': answer(200, { status: 'ok' }) },
});

/** New requests go to the backend at first. */
export async function startCutoverScene() {
  const folder = makeScratchFolder('test-cutover');
  const at = (name: string) => folder.at(name);
  mkdirSync(at('conf.d'));
  const answers = ordinaryAnswers();
  const sides = { sidecar: await serve(() => answers.sidecar), backend: await serve(() => answers.backend) };
  const ports = { sidecar: sides.sidecar.port, backend: sides.backend.port };
  const port = await freePort();
  const conf = at('conf.d/gogomarket-upstream.conf');
  const original = readFileSync(UPSTREAM, 'utf8').replace(':8010;', `:${ports.backend};`);
  const writeConf = (content = original) => writeFileSync(conf, content, 'latin1');
  writeConf();
  const server = `server { listen 127.0.0.1:${port}; location / { proxy_pass http://gogomarket_api; } }`;
  const nginx = await startNginx(folder, { http: `include ${at('conf.d/*.conf')};\n${server}` });
  const wrapper = writeWrapper(at);

  const start = (args: readonly string[], env: Record<string, string> = {}): ChildProcess =>
    spawn(
      process.execPath,
      [
        CUTOVER,
        ...['--conf', conf, '--url', `http://127.0.0.1:${port}`, '--nginx', wrapper.command],
        ...['--sidecar-port', String(ports.sidecar), '--backend-port', String(ports.backend), ...args],
      ],
      { env: { ...PROGRAMS, ...env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true },
    );
  const url = `http://127.0.0.1:${port}`;
  /** Who gets new requests. */
  const who = async (): Promise<Side> =>
    (await send(`${url}/readyz`)).status === 404 ? 'backend' : 'sidecar';
  return {
    ...{ folder, conf, original, writeConf, answers, ports, nginx, start, trap: wrapper.trap },
    ...{ url, who },
    confText: () => readFileSync(conf, 'latin1'),
    /** Runs the command to its end. */
    async run(args: readonly string[], env: Record<string, string> = {}): Promise<FinishedRun> {
      return outcomeOf(start(args, env));
    },
    /** As at the start, whatever a test has done. */
    async reset(): Promise<void> {
      Object.assign(answers, ordinaryAnswers());
      wrapper.trap(0, 'INT');
      rmSync(at('hold'), { force: true });
      writeConf();
      chmodSync(conf, 0o644);
      nginx.signal('SIGHUP');
      await until('the backend to answer', async () => (await who()) === 'backend');
    },
    async stop(): Promise<void> {
      await nginx.stop();
      for (const { server: one } of Object.values(sides)) one.close().closeAllConnections();
      folder.remove();
    },
  };
}

/** What a started command ends with. */
export async function outcomeOf(child: ChildProcess): Promise<FinishedRun> {
  const words = Promise.all([child.stdout, child.stderr].map((stream) => (stream ? text(stream) : '')));
  const [status] = await once(child, 'exit');
  const [stdout = '', stderr = ''] = await words;
  return { status, stdout, stderr };
}

/** An nginx that, at the call of that number, first sends a signal to the process group of who calls it, as Ctrl-C does; and that waits while there is a file `hold`. */
function writeWrapper(at: (name: string) => string) {
  writeFileSync(
    at('wrapper'),
    `#!/bin/sh
calls=$(($(cat '${at('calls')}') + 1)); echo $calls > '${at('calls')}'
while [ -e '${at('hold')}' ]; do sleep 0.05; done
read -r call signal < '${at('trap')}'
# Its own words would end it (SIGPIPE) where nobody is left to read them.
if [ "$calls" = "$call" ]; then kill -s "$signal" -- "-$PPID"; sleep 0.1; exec 2>/dev/null; fi
exec nginx -c '${at('nginx.conf')}' "$@"
`,
    { mode: 0o755 },
  );
  /** @param call counted from 1, from now on; 0: none */
  const trap = (call: number, signal: string) => {
    writeFileSync(at('calls'), '0');
    writeFileSync(at('trap'), `${call} ${signal}\n`);
  };
  trap(0, 'INT');
  return { command: at('wrapper'), trap };
}

async function serve(answers: () => Record<string, Handler>) {
  const server = createServer((req, res) => {
    const handler = answers()[req.url ?? ''] ?? answer(404, { detail: 'Not Found' });
    handler(req, res);
  });
  return { server, port: await listen(server) };
}
