/**
 * Mutated WebSocket handshakes and answers to them, early bytes on both sides, connections that end in every way. After
 * a 101 each side must get the other's bytes and nothing else.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { handshake, SWITCHING } from '../lab/websocket.ts';
import { sendPieces } from './conversation.ts';
import { type Ending, type Got, type HandshakeCase, judgeHandshake, type Side } from './judge-handshakes.ts';
import type { Mode, ModeContext } from './mode.ts';
import { mutate } from './mutate.ts';
import { type Random, splitAtRandom } from './random.ts';

type Plans = Map<string, { readonly one: HandshakeCase; readonly got: Got }>;

const CLIENTS = 8;
const PATIENCE_MS = 20_000;
const BACKEND_WAITS_MS = 60;
const CLIENT_WAITS_MS = 4_000;

export const fuzzHandshakes: Mode = async (context) => {
  const { backend, sidecar, findings, random } = context;
  const plans: Plans = new Map();
  const tags = new Set<string>();
  backend.handle((socket) => answerByPlan(socket, plans));
  await sidecar.barrier();
  let cases = 0;
  const client = async () => {
    while (Date.now() < context.until) {
      cases += 1;
      await runCase(context, plans, tags, randomCase(random));
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  await sidecar.barrier();
  for (const line of sidecar.takeComplaints()) findings.add('the log complains', { line });
  return cases;
};

async function runCase(
  { sidecar, findings }: ModeContext,
  plans: Plans,
  tags: Set<string>,
  one: HandshakeCase,
): Promise<void> {
  const atBackend: Got = { text: '', ended: false, reset: false };
  tags.add(one.tag);
  plans.set(one.tag, { one, got: atBackend });
  const atClient = await runClient(sidecar.port, one.client);
  const problems = judgeHandshake(one, atClient, atBackend);
  if ([...atClient.text.matchAll(/tag[a-z]{12}/g)].some(([tag]) => tag !== one.tag && tags.has(tag)))
    problems.push("the client got somebody else's bytes");
  for (const what of problems) {
    findings.add(what, { ...one, atClient: atClient.text, ended: atClient.ended, atBackend: atBackend.text });
  }
  plans.delete(one.tag);
}

function randomCase(random: Random): HandshakeCase {
  const tag = `tag${random.text(12, 'bcdfghklmnpqrstvwxz')}`;
  const good = handshake(`/ws/chat/${tag}`, random.chance(0.5) ? 'Sec-WebSocket-Protocol: chat\r\n' : '');
  const isGood = random.chance(0.6);
  const request = isGood ? good : mutate(random, good, [good, handshake('/ws/x'), handshake('/nowhere')]);
  const answers = answersFor(tag);
  const answer = random.pick([SWITCHING, SWITCHING, ...answers]);
  const isGoodAnswer = random.chance(0.5);
  const answerHead = isGoodAnswer ? answer : mutate(random, answer, answers);
  return {
    tag,
    isGood,
    isGoodAnswer,
    client: randomSide(random, request, `client ${tag} `),
    backend: randomSide(random, answerHead, `backend ${tag} `),
  };
}

const answersFor = (tag: string) => [
  SWITCHING,
  SWITCHING.replace('\r\n\r\n', `\r\nX-Tag: ${tag}\r\nSec-WebSocket-Protocol: chat\r\n\r\n`),
  `HTTP/1.1 401 Unauthorized\r\nContent-Length: ${tag.length}\r\nWWW-Authenticate: Bearer\r\n\r\n${tag}`,
  `HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\nf\r\n${tag}\r\n0\r\n\r\n`,
  `HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n${tag}`,
  'HTTP/1.1 204 No Content\r\n\r\n',
  `HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Tag: ${tag}\r\n\r\n`,
  'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n',
];

function randomSide(random: Random, head: string, words: string): Side {
  const frames = words.repeat(random.pick([0, 0, 1, 5, 3_000]));
  const pieces = splitAtRandom(random, head + frames, random.pick([1, 1, 2, 6]));
  return { head, frames, pieces, ending: random.pick<Ending>(['fin', 'fin', 'reset', 'wait']) };
}

async function runClient(port: number, side: Side): Promise<Got> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  const got: Got = { text: '', ended: false, reset: false };
  const closed = follow(socket, got);
  await sendPieces(socket, side.pieces);
  await leave(socket, side.ending, closed, CLIENT_WAITS_MS);
  await Promise.race([closed, sleep(PATIENCE_MS, undefined, { ref: false })]);
  socket.destroy();
  return got;
}

/** Collects; a FIN is answered with a FIN. Resolves when the connection is over. */
function follow(socket: Socket, got: Got): Promise<void> {
  socket.on('data', (chunk: Buffer) => {
    got.text += chunk.toString('latin1');
  });
  socket.on('error', () => {
    got.reset = true;
  });
  socket.on('end', () => socket.end());
  return new Promise((resolve) =>
    socket.once('close', () => {
      got.ended = true;
      resolve();
    }),
  );
}

/** Whoever waits leaves the end to the other side; when both do, the backend gives up first. */
async function leave(socket: Socket, ending: Ending, closed: Promise<void>, waitMs: number): Promise<void> {
  await Promise.race([closed, sleep(ending === 'wait' ? waitMs : 15)]);
  if (ending === 'reset') socket.resetAndDestroy();
  else socket.end();
}

function answerByPlan(
  socket: Socket,
  plans: ReadonlyMap<string, { readonly one: HandshakeCase; readonly got: Got }>,
): void {
  const got: Got = { text: '', ended: false, reset: false };
  let answered = false;
  const closed = follow(socket, got);
  socket.on('data', async () => {
    if (answered || !got.text.includes('\r\n\r\n')) return;
    answered = true;
    const tag = /tag[a-z]{12}/.exec(got.text)?.[0] ?? '';
    const plan = plans.get(tag);
    if (plan === undefined) {
      socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      return;
    }
    plan.got.text = got.text;
    socket.on('data', () => {
      plan.got.text = got.text;
    });
    await sendPieces(socket, plan.one.backend.pieces);
    await leave(socket, plan.one.backend.ending, closed, BACKEND_WAITS_MS);
  });
}
