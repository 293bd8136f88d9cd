/** Several processes on one port (docs/forwarding.md, 26 and 27): the number stays, whatever happens to them. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../scripts/lab/ports.ts';
import { isAlive, withChildren } from '../../scripts/lab/proc.ts';
import { startProgram, until } from '../../scripts/lab/programs.ts';
import { connectRaw } from '../../scripts/lab/raw-connection.ts';
import { ok, startScriptedBackend } from '../../scripts/lab/scripted-backend.ts';
import {
  baseEnv,
  followProcess,
  MAIN,
  type SidecarProcess,
  startActivated,
  startProcess,
} from '../../scripts/lab/sidecar.ts';
import { openWebSocket, SWITCHING } from '../../scripts/lab/websocket.ts';
import { requireProc } from '../support/process-resources.ts';

const GET = 'GET /api/x HTTP/1.1\r\nHost: a\r\n\r\n';
const TWO = { WEB_CONCURRENCY: '2', BACKEND_URL: 'http://127.0.0.1:9' };

const started = (sidecar: SidecarProcess) => sidecar.log('listening').map(({ pid }) => Number(pid));
const alive = (sidecar: SidecarProcess) => started(sidecar).filter(isAlive);

/** The lines of three processes come in any order. */
async function allListen(sidecar: SidecarProcess): Promise<void> {
  await sidecar.untilLogged('all workers listen');
  await sidecar.untilLogged('listening', 2);
}

/** Resolves when a SIGHUP has been obeyed: there are more workers than two. */
const restarting = (sidecar: SidecarProcess) =>
  until('a new worker', () => withChildren(sidecar.pid).length > 3);

async function running(sidecar: SidecarProcess, work: () => Promise<void>): Promise<void> {
  try {
    await allListen(sidecar);
    await work();
  } finally {
    await sidecar.end();
  }
}

test('workers find what is compiled where their primary keeps it', async (t) => {
  if (!requireProc(t)) return;
  const { NODE_COMPILE_CACHE: _unset, ...env } = baseEnv(TWO);
  const sidecar = await followProcess(startProgram(process.execPath, [MAIN], { env }).child);
  await running(sidecar, async () => {
    for (const pid of started(sidecar))
      assert.match(readFileSync(`/proc/${pid}/environ`, 'latin1'), /\0NODE_COMPILE_CACHE=\/.*\/compiled\0/);
  });
});

test('SIGHUP during a restart restarts once more, and the number of workers stays', async () => {
  const sidecar = await startProcess(TWO);
  await running(sidecar, async () => {
    sidecar.child.kill('SIGHUP');
    // Two signals at once are one.
    await restarting(sidecar);
    sidecar.child.kill('SIGHUP');
    await until(
      'two rounds',
      () => sidecar.log('workers restarted').length === 1 && started(sidecar).length === 6,
    );
    await until('the old ones are gone', () => alive(sidecar).length === 2);
  });
});

test('SIGHUP cuts each WebSocket once, also those of clients that are back at once', async () => {
  const backend = await startScriptedBackend(async (connection) => {
    await connection.message();
    connection.send(SWITCHING);
    await once(connection.socket, 'end');
    connection.end();
  });
  const sidecar = await startProcess({ ...TWO, BACKEND_URL: backend.url });
  const open = new Set<Socket>();
  // A failure ends the sidecar, and nobody is to come back to it: that would be told instead of the failure.
  let isOver = false;
  const cuts = Array.from({ length: 16 }, () => 0);
  const work = async () => {
    const connect = async (client: number) => {
      const { connection, answer } = await openWebSocket(sidecar.port, '/ws/x');
      assert.match(answer.startLine, / 101 /);
      open.add(connection.socket);
      connection.socket.once('end', () => {
        if (isOver) return connection.end();
        cuts[client] = (cuts[client] ?? 0) + 1;
        connection.end();
        open.delete(connection.socket);
        reconnected.push(connect(client));
      });
    };
    const reconnected: Promise<void>[] = [];
    await Promise.all(cuts.map((_, client) => connect(client)));
    sidecar.child.kill('SIGHUP');
    await until('restarted', () => sidecar.log('workers restarted').length === 1);
    await until('all were cut', () => cuts.every((times) => times > 0));
    await Promise.all(reconnected);
    assert.deepEqual(
      cuts,
      cuts.map(() => 1),
    );
    for (const socket of open) socket.destroy();
  };
  await running(sidecar, () =>
    work().finally(() => {
      isOver = true;
    }),
  );
  await backend.stop();
});

test('SIGTERM during a restart ends all workers, old and new, with status 0 and without a word of failure', async () => {
  const moments: Readonly<Record<string, (sidecar: SidecarProcess) => Promise<unknown>>> = {
    'with a new one that does not listen yet': restarting,
    'with a new one that listens': (sidecar) => sidecar.untilLogged('listening', 3),
    'with two of them': (sidecar) => sidecar.untilLogged('listening', 4),
  };
  for (const [when, moment] of Object.entries(moments)) {
    const sidecar = await startProcess(TWO);
    await allListen(sidecar);
    sidecar.child.kill('SIGHUP');
    await moment(sidecar);
    const workers = withChildren(sidecar.pid);
    assert.equal(await sidecar.end(), 0, when);
    await until('all are gone', () => !workers.some(isAlive));
    assert.deepEqual(
      sidecar.log().filter(({ level }) => level === 'error'),
      [],
      when,
    );
  }
});

test('when the new workers cannot start, the old ones go on, and the next restart is a new try', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sidecar-test-release-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const project = resolve(import.meta.dirname, '../..');
  await cp(join(project, 'src'), join(folder, 'src'), { recursive: true });
  await cp(join(project, 'package.json'), join(folder, 'package.json'));
  await symlink(join(project, 'node_modules'), join(folder, 'node_modules'));
  const main = join(folder, 'src/main.ts');
  const program = await readFile(main, 'utf8');
  const { child } = startProgram(process.execPath, [main], { env: baseEnv(TWO) });
  const sidecar = await followProcess(child);
  await running(sidecar, async () => {
    const old = started(sidecar);
    await writeFile(main, 'process.exit(3);');
    sidecar.child.kill('SIGHUP');
    await sidecar.untilLogged('restart failed; the old workers go on');
    assert.deepEqual(alive(sidecar), old);
    assert.equal((await fetch(`${sidecar.url}/livez`)).status, 200);
    await writeFile(main, program);
    sidecar.child.kill('SIGHUP');
    await sidecar.untilLogged('workers restarted');
    assert.equal(alive(sidecar).length, 2);
  });
});

test('a worker that is killed during a restart is not replaced twice', async () => {
  const sidecar = await startProcess(TWO);
  await running(sidecar, async () => {
    const [first, second] = started(sidecar);
    assert.ok(first && second);
    sidecar.child.kill('SIGHUP');
    await restarting(sidecar);
    process.kill(second, 'SIGKILL');
    await until('restarted', () => sidecar.log('workers restarted').length === 1);
    await until('two live', () => alive(sidecar).length === 2);
    await sleep(1_000);
    assert.equal(alive(sidecar).length, 2);
    assert.ok(!alive(sidecar).includes(first));
  });
});

test('a worker that dies again and again right after its start is replaced later each time', async () => {
  const sidecar = await startProcess(TWO);
  await running(sidecar, async () => {
    const deaths = () => sidecar.log('worker died');
    while (deaths().length < 4) {
      const newest = started(sidecar).at(-1) ?? 0;
      process.kill(newest, 'SIGKILL');
      await until('its death is known', () => deaths().some(({ pid }) => pid === newest));
      await until('another one listens', () => started(sidecar).at(-1) !== newest);
    }
    const delays = deaths().map((line) => Number(line.replacedInMs));
    assert.ok(
      delays.every((delay, i) => delay > (delays[i - 1] ?? 0)),
      `after ${delays.join(', ')} ms`,
    );
    assert.equal(alive(sidecar).length, 2);
  });
});

test('Ctrl-C reaches workers twice, from the terminal and from the primary, and still lets requests finish', async () => {
  const backend = await startScriptedBackend(async (connection) => {
    await connection.take('\r\n\r\n');
  });
  const child = spawn(process.execPath, [MAIN], {
    env: baseEnv({ WEB_CONCURRENCY: '2', BACKEND_URL: backend.url }),
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own, as a terminal makes one for every command.
    detached: true,
  });
  const sidecar = await followProcess(child);
  await running(sidecar, async () => {
    const clients = await Promise.all([1, 2, 3, 4].map(() => connectRaw(sidecar.port)));
    for (const client of clients) client.send(GET);
    for (let i = 0; i < clients.length; i += 1) await backend.connection(i);
    const exited = once(child, 'exit');
    process.kill(-sidecar.pid, 'SIGINT');
    await until('all stop', () => sidecar.log('stopping').length === 3);
    await sleep(200);
    for (const upstream of backend.connections) upstream.send(ok('finished'));
    for (const client of clients) assert.equal((await client.message()).body, 'finished');
    assert.deepEqual(await exited, [0, null]);
  });
  await backend.stop();
});

/** Before that nothing can be done: Node itself has to start. SigCgt is a mask, SIGHUP its lowest bit (proc(5)). */
const catchesHangup = (pid: number) =>
  /^SigCgt:\s*[0-9a-f]*[13579bdf]$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));

test('a signal during the start is obeyed: SIGTERM ends it with status 0, SIGHUP does not end it', async (t) => {
  if (!requireProc(t)) return;
  for (const env of [{}, { WEB_CONCURRENCY: '2' }]) {
    const child = spawn(process.execPath, [MAIN], { env: baseEnv(env), stdio: ['ignore', 'pipe', 'pipe'] });
    t.after(() => child.kill('SIGKILL'));
    await until('the handlers are there', () => catchesHangup(child.pid ?? 0));
    child.kill('SIGHUP');
    child.kill('SIGTERM');
    const [status, signal] = await once(child, 'exit');
    assert.deepEqual([status, signal], [0, null]);
  }
});

test('on a socket of systemd it ends when all workers were killed, and a new start on the socket serves again', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const first = await startActivated(server, { ...TWO, PORT: '1' });
  await allListen(first);
  const exited = once(first.child, 'exit');
  for (const pid of started(first)) process.kill(pid, 'SIGKILL');
  assert.deepEqual(await exited, [70, null]);
  const second = await startActivated(server, { ...TWO, PORT: '1' });
  server.close();
  await running(second, async () => {
    assert.equal((await fetch(`http://127.0.0.1:${port}/livez`)).status, 200);
  });
});

test('no worker outlives its primary', async () => {
  const sidecar = await startProcess(TWO);
  await allListen(sidecar);
  const pids = started(sidecar);
  sidecar.child.kill('SIGKILL');
  await until('all are gone', () => !pids.some(isAlive));
});

test('a worker closes what is beyond its MAX_CONNECTIONS, and does not hand it back', async () => {
  const sidecar = await startProcess({ ...TWO, MAX_CONNECTIONS: '1' });
  await running(sidecar, async () => {
    const clients = await Promise.all(Array.from({ length: 8 }, () => connectRaw(sidecar.port)));
    // Of eight at least six are surplus, whichever workers took them.
    await until('the surplus is closed', () => clients.filter(({ ended }) => ended).length >= 6);
    assert.ok(clients.some(({ ended }) => !ended));
    for (const client of clients) client.destroy();
  });
});

test('a counter never falls: what workers that are gone have counted stays in the metrics', async () => {
  const metricsPort = await freePort();
  const sidecar = await startProcess({ ...TWO, METRICS_PORT: String(metricsPort) });
  const counted = async () => {
    const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    const counts = text.matchAll(/^sidecar_request_duration_seconds_count\{kind="not_found".* (\d+)$/gm);
    return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
  };
  const request = async (times: number) => {
    for (let i = 0; i < times; i += 1) {
      // Those of reviews open the pool of the database, whose figures are told with the others.
      for (const path of ['/nobodys', '/api/products/1/reviews'])
        await (await fetch(`${sidecar.url}${path}`, { headers: { connection: 'close' } })).text();
    }
  };
  await running(sidecar, async () => {
    await request(7);
    await until('seven', async () => (await counted()) === 7);
    // What it has counted since the last scrape is lost with a killed one: nothing here.
    process.kill(alive(sidecar)[0] ?? 0, 'SIGKILL');
    await until('a third has come', () => started(sidecar).length === 3);
    assert.equal(await counted(), 7);
    // One that ends in order tells it at the end, whoever scrapes when.
    await request(5);
    sidecar.child.kill('SIGHUP');
    await until('two new ones', () => sidecar.log('workers restarted').length === 1);
    await until('the old ones are gone', () => alive(sidecar).length === 2);
    assert.equal(await counted(), 12);
    assert.deepEqual(sidecar.log('could not stop in order'), []);
  });
});
