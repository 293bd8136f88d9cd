/**
 * Mutated WebSocket handshakes and answers to them, early bytes on both sides, connections that end in every way. After
 * a 101 each side must get the other's bytes and nothing else.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { handshake, SWITCHING } from '../../test/support/websocket.ts';
import { sendPieces } from './conversation.ts';
import { problemsOf } from './forwarded-request.ts';
import type { Mode, ModeContext } from './mode.ts';
import { mutate } from './mutate.ts';
import { type Random, splitAtRandom } from './random.ts';
import { type ReadMessage, readFinalResponse, readRequest } from './reference-reader.ts';

type Ending = 'fin' | 'reset' | 'wait';

/** What one side sends: its head, bytes in the same breath, bytes after a while, and how it leaves. */
interface Side {
  readonly head: string;
  readonly frames: string;
  readonly pieces: readonly string[];
  readonly ending: Ending;
}

interface Case {
  readonly tag: string;
  readonly client: Side;
  readonly backend: Side;
  /** The client's head is as it should be, so that the backend must get it. */
  readonly isGood: boolean;
}

/** What one side has got, and whether its connection is over. */
interface Got {
  text: string;
  ended: boolean;
}

type Plans = Map<string, { readonly one: Case; readonly got: Got }>;

const CLIENTS = 8;
const PATIENCE_MS = 20_000;

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
  one: Case,
): Promise<void> {
  const atBackend: Got = { text: '', ended: false };
  tags.add(one.tag);
  plans.set(one.tag, { one, got: atBackend });
  const atClient = await runClient(sidecar.port, one.client);
  const problems = judge(one, atClient, atBackend);
  if ([...atClient.text.matchAll(/tag[a-z]{12}/g)].some(([tag]) => tag !== one.tag && tags.has(tag)))
    problems.push("the client got somebody else's bytes");
  for (const what of problems) {
    findings.add(what, { ...one, atClient: atClient.text, ended: atClient.ended, atBackend: atBackend.text });
  }
  plans.delete(one.tag);
}

function randomCase(random: Random): Case {
  const tag = `tag${random.text(12, 'bcdfghklmnpqrstvwxz')}`;
  const good = handshake(`/ws/chat/${tag}`, random.chance(0.5) ? 'Sec-WebSocket-Protocol: chat\r\n' : '');
  const isGood = random.chance(0.6);
  const request = isGood ? good : mutate(random, good, [good, handshake('/ws/x'), handshake('/nowhere')]);
  const answers = answersFor(tag);
  const answer = random.pick([SWITCHING, SWITCHING, ...answers]);
  const answerHead = random.chance(0.5) ? answer : mutate(random, answer, answers);
  return {
    tag,
    isGood,
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
  const got: Got = { text: '', ended: false };
  const closed = follow(socket, got);
  await sendPieces(socket, side.pieces);
  await leave(socket, side.ending);
  await Promise.race([closed, sleep(PATIENCE_MS, undefined, { ref: false })]);
  socket.destroy();
  return got;
}

/** Collects; a FIN is answered with a FIN. Resolves when the connection is over. */
function follow(socket: Socket, got: Got): Promise<void> {
  socket.on('data', (chunk: Buffer) => {
    got.text += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  socket.on('end', () => socket.end());
  return new Promise((resolve) =>
    socket.once('close', () => {
      got.ended = true;
      resolve();
    }),
  );
}

/** `wait` leaves the end to the other side, which leaves after a moment at the latest. */
async function leave(socket: Socket, ending: Ending): Promise<void> {
  await sleep(ending === 'wait' ? 60 : 15);
  if (ending === 'reset') socket.resetAndDestroy();
  else socket.end();
}

function answerByPlan(
  socket: Socket,
  plans: ReadonlyMap<string, { readonly one: Case; readonly got: Got }>,
): void {
  const got: Got = { text: '', ended: false };
  let answered = false;
  follow(socket, got);
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
    await leave(socket, plan.one.backend.ending);
  });
}

function judge(one: Case, atClient: Got, atBackend: Got): string[] {
  const problems: string[] = [];
  if (!atClient.ended) problems.push('the connection was not closed');
  problems.push(...judgeBackend(one, atBackend));
  if (atClient.text === '') return problems;
  const answer = readFinalResponse(atClient.text, 'GET', atClient.ended);
  if (answer.kind === 'invalid') return [...problems, `the client got what is not HTTP (${answer.why})`];
  if (answer.kind === 'complete') problems.push(...judgeAnswer(one, answer.message, atClient.text));
  return problems;
}

/** The backend gets a clean handshake, then the client's bytes and nothing else. */
function judgeBackend(one: Case, { text }: Got): string[] {
  if (text === '') return [];
  const read = readRequest(text, 0);
  // A mutated handshake may be the beginning of an ordinary request with a body.
  if (read.kind === 'incomplete' && !one.isGood) return [];
  if (read.kind !== 'complete') return ['the backend was sent what is not HTTP'];
  const problems = problemsOf(read.message).map((problem) => `the backend was sent ${problem}`);
  const behind = text.slice(read.message.end);
  if (one.isGood && !one.client.frames.startsWith(behind))
    problems.push("the backend got other bytes than the client's");
  return problems;
}

function judgeAnswer(one: Case, message: ReadMessage, text: string): string[] {
  const behind = text.slice(message.end);
  const wanted = readFinalResponse(
    one.backend.head + one.backend.frames,
    'GET',
    one.backend.ending !== 'reset',
  );
  const status = message.start[1];
  if (status === '500') return ['the client got a 500'];
  if (status === '101') {
    if (wanted.kind !== 'complete' || wanted.message.start[1] !== '101')
      return ['the client got a 101 that the backend did not send'];
    const bytes = (one.backend.head + one.backend.frames).slice(wanted.message.end);
    return bytes.startsWith(behind) ? [] : ["after the 101 the client got other bytes than the backend's"];
  }
  // What was no handshake any more may have been two ordinary requests.
  if (behind !== '' && one.isGood) return ['the client got bytes behind a refusal'];
  if (/^\{"detail":"[^"]+"\}$/.test(message.body) || message.body === '') return [];
  const isSame =
    wanted.kind === 'complete' && wanted.message.start[1] === status && wanted.message.body === message.body;
  return isSame || !one.isGood ? [] : ['the client got another refusal than the backend sent'];
}
