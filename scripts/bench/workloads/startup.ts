/**
 * From the start of the process to its first answer, for the sidecar to /livez, and its memory then. Not pinned: starting uses
 * more than one thread.
 */
import { connect } from 'node:net';
import { freePort } from '../../lab/ports.ts';
import { residentBytes } from '../../lab/proc.ts';
import { startProgram, untilUp } from '../../lab/programs.ts';
import type { NodeProxy } from '../contenders/contender.ts';
import { peerProxy } from '../contenders/node-peers.ts';
import { sidecar, sidecarProxy } from '../contenders/sidecar.ts';
import { type Bench, placeIn, type Sample, type Workload } from './workload.ts';

const STARTS = 15;
const QUICK_STARTS = 2;
const LOOK_EVERY_MS = 1;
const PEER = 'hpm';

export const startup: Workload = async (bench) => {
  const ours: Sample[] = [];
  const peer: Sample[] = [];
  const bare: Sample[] = [];
  const { upstream, contenders } = bench;
  const hasPeer = contenders.some(({ name }) => name === PEER);
  bench.say('startup');
  // The first writes what is compiled, and is not counted.
  for (let i = 0; i <= (bench.quick ? QUICK_STARTS : STARTS); i += 1) {
    const samples = [await timeStart(bench, (port) => sidecarProxy(port, upstream.port))];
    if (i === 0) continue;
    ours.push(...samples);
    if (hasPeer) peer.push(await timeStart(bench, (port) => peerProxy(PEER, port, upstream.port)));
    bare.push(await timeStart(bench, bareServer));
  }
  return [
    {
      name: 'startup',
      title: 'Spawn to the first answer',
      note: 'Of the sidecar to /livez, with NODE_COMPILE_CACHE as in the unit. The empty node:http server is what Node itself takes.',
      metrics: [
        { key: 'startMs', title: 'ms', digits: 0 },
        { key: 'rssMb', title: 'RSS then, MB', digits: 1 },
      ],
      rows: [
        { contender: sidecar.name, kind: 'ours', samples: ours },
        ...(hasPeer ? [{ contender: PEER, kind: 'node' as const, samples: peer }] : []),
        { contender: 'empty node:http server', kind: 'node', samples: bare },
      ],
    },
  ];
};

const bareServer = (port: number): NodeProxy => ({
  args: ['-e', `require('node:http').createServer((req, res) => res.end()).listen(${port}, '127.0.0.1')`],
  env: {},
});

async function timeStart(bench: Bench, proxyFor: (port: number) => NodeProxy): Promise<Sample> {
  const port = await freePort();
  const { args, env } = proxyFor(port);
  const outputFile = placeIn(bench).folder.at('startup.log');
  const startedAt = performance.now();
  await using program = startProgram(process.execPath, args, { env, outputFile });
  await untilUp('It', program, () => answers(port), { everyMs: LOOK_EVERY_MS });
  const startMs = performance.now() - startedAt;
  return { startMs, rssMb: residentBytes(program.pid) / 1024 / 1024 };
}

/** One GET on a connection of its own. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () =>
      socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n'),
    );
    socket.once('data', (chunk) => {
      resolve(chunk.toString('latin1').startsWith('HTTP/1.1 '));
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}
