/**
 * From the start of the process to the first 200 of /livez, not pinned: starting uses more than one thread.
 */
import { connect } from 'node:net';
import { freePort } from '../../lab/ports.ts';
import { startProgram, untilUp } from '../../lab/programs.ts';
import type { NodeProxy } from '../contenders/contender.ts';
import { sidecar, sidecarProxy } from '../contenders/sidecar.ts';
import { type Bench, placeIn, type Sample, type Workload } from './workload.ts';

const STARTS = 15;
const QUICK_STARTS = 2;
const LOOK_EVERY_MS = 1;

export const startup: Workload = async (bench) => {
  const ours: Sample[] = [];
  const bare: Sample[] = [];
  bench.say('startup');
  for (let i = 0; i < (bench.quick ? QUICK_STARTS : STARTS); i += 1) {
    const port = await freePort();
    ours.push({ startMs: await timeStart(bench, port, sidecarProxy(port, bench.upstream.port)) });
    const barePort = await freePort();
    bare.push({ startMs: await timeStart(bench, barePort, bareServer(barePort)) });
  }
  return [
    {
      name: 'startup',
      title: 'Spawn to /livez',
      note: 'The empty node:http server is what Node itself takes.',
      metrics: [{ key: 'startMs', title: 'ms', digits: 0 }],
      rows: [
        { contender: sidecar.name, kind: 'ours', samples: ours },
        { contender: 'empty node:http server', kind: 'node', samples: bare },
      ],
    },
  ];
};

const bareServer = (port: number): NodeProxy => ({
  args: ['-e', `require('node:http').createServer((req, res) => res.end()).listen(${port}, '127.0.0.1')`],
  env: {},
});

/** @returns ms */
async function timeStart(bench: Bench, port: number, { args, env }: NodeProxy): Promise<number> {
  const outputFile = placeIn(bench).folder.at('startup.log');
  const startedAt = performance.now();
  await using program = startProgram(process.execPath, args, { env, outputFile });
  await untilUp('It', program, () => isLive(port), { everyMs: LOOK_EVERY_MS });
  return performance.now() - startedAt;
}

/** One GET on a connection of its own. */
function isLive(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () =>
      socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n'),
    );
    socket.once('data', (chunk) => {
      resolve(chunk.toString('latin1').startsWith('HTTP/1.1 200 '));
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}
