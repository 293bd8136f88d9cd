/**
 * Mutated responses of the backend to good requests on keep-alive connections, several clients at once, each bad answer
 * followed by a good exchange. Every response carries the tag of its request, so that one answer's bytes in another's
 * place are seen.
 */
import type { Socket } from 'node:net';
import { sendPieces } from './conversation.ts';
import { responseCorpus } from './corpus.ts';
import { readConnection } from './fuzz-backend.ts';
import { type Closing, judgeBad, judgeGood, type ResponseCase } from './judge-responses.ts';
import { KeepAliveClient } from './keep-alive-client.ts';
import type { Mode, ModeContext } from './mode.ts';
import { mutate } from './mutate.ts';
import { type Random, splitAtRandom } from './random.ts';
import { readFinalResponse } from './reference-reader.ts';

const CLIENTS = 8;

export const fuzzResponses: Mode = async (context) => {
  const { backend, sidecar, findings, random } = context;
  const plans = new Map<string, ResponseCase>();
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
  plans: Map<string, ResponseCase>,
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

function randomCase(random: Random, tag: string): ResponseCase {
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

function answerByPlan(
  socket: Socket,
  plans: ReadonlyMap<string, ResponseCase>,
  sent: Map<string, number>,
): void {
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
function resetAfter(socket: Socket, plan: ResponseCase): void {
  const isOver = readFinalResponse(plan.bytes, plan.method, false).kind === 'complete';
  if (isOver) socket.resetAndDestroy();
  else setTimeout(() => socket.resetAndDestroy(), 1);
}

/** Tags hold no digits and are far apart, so that no mutation makes one out of another. */
function newTag(random: Random, tags: Set<string>): string {
  const tag = `tag${random.text(12, 'bcdfghklmnpqrstvwxz')}`;
  tags.add(tag);
  return tag;
}

const hasForeignTag = (tag: string, tags: ReadonlySet<string>, received: string) =>
  [...received.matchAll(/tag[a-z]{12}/g)].some(([found]) => found !== tag && tags.has(found));
