/**
 * Mutated responses of the backend to good requests on keep-alive connections, several clients at once, each bad answer
 * followed by a good exchange. Every response carries the tag of its request, so that one answer's bytes in another's
 * place are seen.
 */
import type { Socket } from 'node:net';
import fc from 'fast-check';
import { KeepAliveClient, sendPieces } from './conversation.ts';
import { responseCorpus } from './corpus.ts';
import { readConnection } from './fuzz-backend.ts';
import { type Closing, judgeBad, judgeGood, type ResponseCase } from './judge-responses.ts';
import { createTags, type Mode, type ModeContext, TAG } from './mode.ts';
import { changes, cuts, splitAt } from './mutate.ts';
import { readFinalResponse } from './reference-reader.ts';

type Template = Omit<ResponseCase, 'tag' | 'pieces'> & { readonly at: readonly number[] };

interface Plan extends ResponseCase {
  /** How often it has been asked for. */
  times: number;
}

/** A bad exchange, then a good one on the same connection when it is still there. */
export async function fuzzResponses({ backend, sidecar }: ModeContext): Promise<Mode<Template>> {
  const plans = new Map<string, Plan>();
  const tags = createTags();
  const clients: KeepAliveClient[] = [];
  backend.handle((socket) => answerByPlan(socket, plans));
  await sidecar.barrier();
  const exchangeTwice = async (client: KeepAliveClient, { at, ...template }: Template) => {
    const { method } = template;
    const tag = tags.next();
    const bytes = template.bytes.replaceAll(TAG, tag);
    const one = { ...template, tag, bytes, pieces: piecesOf(bytes, method, at), times: 0 };
    plans.set(tag, one);
    const body = method === 'POST' ? 'Content-Length: 4\r\n\r\nbody' : '\r\n';
    const bad = await client.send(method, `${method} /api/f/${tag} HTTP/1.1\r\nHost: a\r\n${body}`);
    const good = await client.send('GET', `GET /api/good/${tag} HTTP/1.1\r\nHost: a\r\n\r\n`);
    plans.delete(tag);
    const problems = [...judgeBad(one, bad, one.times), ...judgeGood(tag, good)];
    if (tags.hasForeign(bad.received + good.received, tag)) {
      problems.push("the client got bytes of somebody else's response");
    }
    const { received, open } = bad;
    return { problems, evidence: { ...one, received, open, nextReceived: good.received } };
  };
  return {
    clients: 8,
    cases: responseCases,
    connect() {
      const client = new KeepAliveClient(sidecar.port);
      clients.push(client);
      return (one) => exchangeTwice(client, one);
    },
    async end() {
      for (const client of clients) client.close();
    },
  };
}

const CORPUS = responseCorpus(TAG);
const METHODS = ['GET', 'GET', 'GET', 'HEAD', 'POST'] as const;
const CLOSINGS: readonly Closing[] = ['keep', 'keep', 'fin', 'reset'];

const responseCases: fc.Arbitrary<Template> = fc
  .record({
    good: fc.constantFrom(...CORPUS),
    change: changes(CORPUS.map(({ bytes }) => bytes)),
    method: fc.constantFrom(...METHODS),
    closing: fc.constantFrom(...CLOSINGS),
    staysOpen: fc.nat(19).map((n) => n === 19),
    at: cuts(9),
  })
  .map(({ good, change, method, closing, staysOpen, at }) => {
    const bytes = change(good.bytes);
    // An unfinished answer on an open connection costs a deadline, and an event stream has none.
    const isWhole = readFinalResponse(bytes, method, false).kind === 'complete';
    const closes = good.end || (!isWhole && (!staysOpen || /event-stream/i.test(bytes)));
    return { method, bytes, at, closing: closes ? 'fin' : closing };
  });

/**
 * Random splits, but never one behind the end of the response: bytes that come later than that, on a connection that
 * has been given to somebody else, are his as far as any reader of HTTP/1.1 can know.
 */
function piecesOf(bytes: string, method: string, at: readonly number[]): string[] {
  const read = readFinalResponse(bytes, method, false);
  const end = read.kind === 'complete' ? read.message.end - 1 : bytes.length;
  const pieces = splitAt(bytes.slice(0, Math.max(0, end)), at);
  return end < bytes.length ? [...pieces, bytes.slice(end)] : pieces;
}

function answerByPlan(socket: Socket, plans: ReadonlyMap<string, Plan>): void {
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
        plan.times += 1;
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
