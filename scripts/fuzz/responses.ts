/**
 * Mutated responses of the backend to good requests on keep-alive connections, several clients at once, each bad answer
 * followed by a good exchange. Every response carries the tag of its request, so that one answer's bytes in another's
 * place are seen.
 */
import type { Socket } from 'node:net';
import { sendPieces } from './conversation.ts';
import { responseCorpus } from './corpus.ts';
import { readConnection } from './fuzz-backend.ts';
import { type Answer, KeepAliveClient } from './keep-alive-client.ts';
import type { Mode, ModeContext } from './mode.ts';
import { mutate } from './mutate.ts';
import { type Random, splitAtRandom } from './random.ts';
import { type Reading, type ReadMessage, readFinalResponse, valuesOf } from './reference-reader.ts';

/** What the backend does with the connection after the bytes. */
type Closing = 'keep' | 'fin' | 'reset';

interface Case {
  readonly tag: string;
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly bytes: string;
  readonly pieces: readonly string[];
  readonly closing: Closing;
}

const CLIENTS = 8;

export const fuzzResponses: Mode = async (context) => {
  const { backend, sidecar, findings, random } = context;
  const plans = new Map<string, Case>();
  const sent = new Map<string, number>();
  backend.handle((socket) => answerByPlan(socket, plans, sent));
  await sidecar.barrier();
  const tags = new Set<string>();
  let cases = 0;
  const client = async () => {
    const connection = new KeepAliveClient(sidecar.port);
    while (Date.now() < context.until) {
      cases += 1;
      await exchangeTwice(context, connection, plans, sent, tags, newTag(random, tags));
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  await sidecar.barrier();
  for (const line of sidecar.takeComplaints()) findings.add('the log complains', { line });
  return cases;
};

/** A bad exchange, then a good one on the same connection when it is still there. */
async function exchangeTwice(
  { random, findings }: ModeContext,
  client: KeepAliveClient,
  plans: Map<string, Case>,
  sent: Map<string, number>,
  tags: ReadonlySet<string>,
  tag: string,
): Promise<void> {
  const one = randomCase(random, tag);
  plans.set(tag, one);
  const body = one.method === 'POST' ? 'Content-Length: 4\r\n\r\nbody' : '\r\n';
  const bad = await client.send(one.method, `${one.method} /api/f/${tag} HTTP/1.1\r\nHost: a\r\n${body}`);
  const good = await client.send('GET', `GET /api/good/${tag} HTTP/1.1\r\nHost: a\r\n\r\n`);
  const times = sent.get(tag) ?? 0;
  plans.delete(tag);
  sent.delete(tag);
  const problems = [...judgeBad(one, bad, times), ...judgeGood(tag, good)];
  if (hasForeignTag(tag, tags, bad.received + good.received)) {
    problems.push("the client got bytes of somebody else's response");
  }
  for (const what of problems) {
    findings.add(what, {
      ...one,
      received: bad.received,
      open: bad.open,
      nextReceived: good.received,
      times,
    });
  }
}

function randomCase(random: Random, tag: string): Case {
  const corpus = responseCorpus(tag);
  const good = random.pick(corpus);
  const method = random.pick(['GET', 'GET', 'GET', 'HEAD', 'POST'] as const);
  const bytes = random.chance(0.1)
    ? good.bytes
    : mutate(
        random,
        good.bytes,
        corpus.map((other) => other.bytes),
      );
  // An unfinished answer on an open connection costs a deadline, and an event stream has none.
  const isWhole = readFinalResponse(bytes, method, false).kind === 'complete';
  const closes = good.end || (!isWhole && (random.chance(0.95) || /event-stream/i.test(bytes)));
  const closing = closes ? 'fin' : random.pick<Closing>(['keep', 'keep', 'fin', 'reset']);
  return { tag, method, bytes, pieces: piecesOf(random, bytes, method), closing };
}

/**
 * Random splits, but never one behind the end of the response: bytes that come later than that, on a connection that
 * has been given to somebody else, are his as far as any reader of HTTP/1.1 can know.
 */
function piecesOf(random: Random, bytes: string, method: string): string[] {
  const read = readFinalResponse(bytes, method, false);
  const end = read.kind === 'complete' ? read.message.end - 1 : bytes.length;
  const pieces = splitAtRandom(random, bytes.slice(0, Math.max(0, end)), random.pick([1, 1, 2, 4, 10]));
  return end < bytes.length ? [...pieces, bytes.slice(end)] : pieces;
}

function answerByPlan(socket: Socket, plans: ReadonlyMap<string, Case>, sent: Map<string, number>): void {
  readConnection(socket, {
    async onRequest(message) {
      const [, kind, tag = ''] = /^\/api\/(f|good)\/(.*)$/.exec(message.start[1]) ?? [];
      const plan = plans.get(tag);
      // It came after our FIN: it has not been answered, and cannot be.
      if (socket.writableEnded) return;
      if (kind === 'good') {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${tag.length}\r\n\r\n${tag}`, 'latin1');
      } else if (plan === undefined) {
        socket.destroy();
      } else {
        sent.set(tag, (sent.get(tag) ?? 0) + 1);
        await sendPieces(socket, plan.pieces);
        if (plan.closing === 'fin') socket.end();
        if (plan.closing === 'reset') resetAfter(socket, plan);
      }
    },
    onInvalid: () => socket.destroy(),
  });
}

/** A moment later, so that the bytes are read before, unless the connection may have been given to somebody else by then. */
function resetAfter(socket: Socket, plan: Case): void {
  const isOver = readFinalResponse(plan.bytes, plan.method, false).kind === 'complete';
  if (isOver) socket.resetAndDestroy();
  else setTimeout(() => socket.resetAndDestroy(), 1);
}

/** The client must see the backend's whole answer, or a 502 or 504 of ours, or its connection cut. */
function judgeBad(one: Case, answer: Answer, times: number): string[] {
  const wanted = readFinalResponse(one.bytes, one.method, one.closing === 'fin');
  const problems: string[] = [];
  if (times > (one.method === 'POST' ? 1 : 2)) problems.push(`a ${one.method} was sent ${times} times`);
  const { reading } = answer;
  if (reading.kind === 'invalid') return [...problems, `the client got what is not HTTP (${reading.why})`];
  // A reset overtakes what was sent before it, and a POST that met a closing connection is not sent again.
  const mayFail =
    one.closing === 'reset' ||
    (one.method === 'POST' && times === 0) ||
    (wanted.kind === 'complete' && mayBeRefused(wanted.message, one.bytes));
  if (reading.kind === 'incomplete') {
    if (answer.open) problems.push('the client waits for ever');
    else if (answer.received === '' && !one.bytes.includes('\r\n\r\n'))
      problems.push('the client got nothing at all');
    else if (wanted.kind === 'complete' && !mayFail) problems.push('a whole response was cut off');
    return problems;
  }
  if (isOurError(reading.message, one.method)) {
    if (wanted.kind === 'complete' && !mayFail) problems.push('a good response was refused');
    return problems;
  }
  return [...problems, ...differences(wanted, reading.message)];
}

/** Well-formed, but more than we take: a 101 that nobody asked for, a huge head, chunk extension or number. */
const mayBeRefused = (message: ReadMessage, bytes: string) =>
  message.start[1] === '101' ||
  bytes.length > MOST_HEAD_BYTES ||
  /\r\n(?:[0-9a-f]{14,}|[0-9a-f]+;[^\r]{240,})/i.test(bytes) ||
  bytes.split('HTTP/1.').length > MOST_INTERIM;
const MOST_HEAD_BYTES = 64 * 1024;
const MOST_INTERIM = 32;

function isOurError(message: ReadMessage, method: string): boolean {
  const isJson = valuesOf(message, 'content-type').join() === 'application/json';
  return (
    isJson &&
    /^50[24]$/.test(message.start[1]) &&
    (method === 'HEAD' || /^\{"detail":"[^"]+"\}$/.test(message.body))
  );
}

function differences(wanted: Reading, got: ReadMessage): string[] {
  // A 205 is over with its head (RFC 9110 §15.3.6), whatever the backend sends behind it.
  if (got.start[1] === '205') return got.body === '' ? [] : ['the client got a 205 with a body'];
  if (wanted.kind !== 'complete') {
    const why = wanted.kind === 'invalid' ? wanted.why : 'cut off';
    return [`a response that is not whole or not valid was passed on as if it were (${why})`];
  }
  const problems: string[] = [];
  if (got.start[1] !== wanted.message.start[1]) problems.push('the client got another status');
  if (got.start[2] !== wanted.message.start[2]) problems.push('the client got another reason');
  if (got.body !== wanted.message.body) problems.push('the client got another body');
  const lines = (message: ReadMessage) => endToEnd(message).join('\n');
  if (lines(got) !== lines(wanted.message)) problems.push('the client got other header fields');
  return problems;
}

const FRAMING = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
];

function endToEnd(message: ReadMessage): string[] {
  const listed = valuesOf(message, 'connection')
    .concat(valuesOf(message, 'proxy-connection'))
    .flatMap((value) => value.toLowerCase().split(','))
    .map((option) => option.trim());
  return message.fields
    .filter(([name]) => ![...FRAMING, 'x-request-id', ...listed].includes(name.toLowerCase()))
    .map(([name, value]) => `${name}: ${value}`);
}

function judgeGood(tag: string, answer: Answer): string[] {
  const { reading } = answer;
  if (reading.kind !== 'complete') return ['a good exchange after a bad one failed'];
  const { start, body } = reading.message;
  if (start[1] !== '200') return [`a good exchange after a bad one was answered ${start[1]}`];
  return body === tag ? [] : ['a good exchange after a bad one got another body'];
}

/** Tags hold no digits and are far apart, so that no mutation makes one out of another. */
function newTag(random: Random, tags: Set<string>): string {
  const tag = `tag${random.text(12, 'bcdfghklmnpqrstvwxz')}`;
  tags.add(tag);
  return tag;
}

const hasForeignTag = (tag: string, tags: ReadonlySet<string>, received: string) =>
  [...received.matchAll(/tag[a-z]{12}/g)].some(([found]) => found !== tag && tags.has(found));
