/**
 * Mutated WebSocket handshakes and answers to them, early bytes on both sides, connections that end in every way. After
 * a 101 each side must get the other's bytes and nothing else.
 */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { RawConnection } from '../lab/raw-connection.ts';
import { handshake, SWITCHING } from '../lab/websocket.ts';
import { openConnection, sendPieces } from './conversation.ts';
import { type Ending, type Got, type HandshakeCase, judgeHandshake, type Side } from './judge-handshakes.ts';
import { createTags, type Mode, type ModeContext, TAG } from './mode.ts';
import { type Change, changes, cuts, splitAt } from './mutate.ts';

interface Plan {
  readonly one: HandshakeCase;
  atBackend?: RawConnection;
}

const PATIENCE_MS = 20_000;
const BACKEND_WAITS_MS = 60;
const CLIENT_WAITS_MS = 4_000;
/** Between the last byte and the end. */
const LEAVES_AFTER_MS = 15;
const NOTHING: Got = { text: '', ended: false, reset: false };

export async function fuzzHandshakes({ backend, sidecar }: ModeContext): Promise<Mode<HandshakeCase>> {
  const plans = new Map<string, Plan>();
  const tags = createTags();
  backend.handle((socket) => answerByPlan(socket, plans));
  await sidecar.barrier();
  const run = async (template: HandshakeCase) => {
    const tag = tags.next();
    const one = { ...template, client: tagged(template.client, tag), backend: tagged(template.backend, tag) };
    const plan: Plan = { one };
    plans.set(tag, plan);
    const atClient = await runClient(sidecar.port, one.client);
    const atBackend = plan.atBackend === undefined ? NOTHING : gotBy(plan.atBackend);
    const problems = judgeHandshake(one, atClient, atBackend);
    if (tags.hasForeign(atClient.text, tag)) problems.push("the client got somebody else's bytes");
    plans.delete(tag);
    const evidence = { ...one, atClient: atClient.text, ended: atClient.ended, atBackend: atBackend.text };
    return { problems, evidence };
  };
  return { clients: 8, cases: handshakeCases, connect: () => run };
}

function tagged({ head, frames, pieces, ending }: Side, tag: string): Side {
  const put = (text: string) => text.replaceAll(TAG, tag);
  const cutAt = pieces.map((_, i) => pieces.slice(0, i).join('').length).slice(1);
  return { head: put(head), frames: put(frames), pieces: splitAt(put(head + frames), cutAt), ending };
}

const ANSWERS = [
  SWITCHING,
  SWITCHING.replace('\r\n\r\n', `\r\nX-Tag: ${TAG}\r\nSec-WebSocket-Protocol: chat\r\n\r\n`),
  `HTTP/1.1 401 Unauthorized\r\nContent-Length: ${TAG.length}\r\nWWW-Authenticate: Bearer\r\n\r\n${TAG}`,
  `HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\nf\r\n${TAG}\r\n0\r\n\r\n`,
  `HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n${TAG}`,
  'HTTP/1.1 204 No Content\r\n\r\n',
  `HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Tag: ${TAG}\r\n\r\n`,
  'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n',
];
const REQUESTS = ['', 'Sec-WebSocket-Protocol: chat\r\n'].map((fields) =>
  handshake(`/ws/chat/${TAG}`, fields),
);
const OTHER_REQUESTS = [...REQUESTS, handshake('/ws/x'), handshake('/nowhere')];
const ENDINGS: readonly Ending[] = ['fin', 'fin', 'reset', 'wait'];

/** @param heads good ones @param change null: it stays a good one */
const side = (heads: readonly string[], change: fc.Arbitrary<Change | null>, words: string) =>
  fc
    .record({
      good: fc.constantFrom(...heads),
      change,
      times: fc.constantFrom(0, 0, 1, 5, 3_000),
      at: cuts(5),
      ending: fc.constantFrom(...ENDINGS),
    })
    .map(({ good, change, times, at, ending }) => {
      const head = change === null ? good : change(good);
      const frames = words.repeat(times);
      return { isGood: head === good, side: { head, frames, pieces: splitAt(head + frames, at), ending } };
    });

const handshakeCases: fc.Arbitrary<HandshakeCase> = fc
  .record({
    client: side(REQUESTS, fc.option(changes(OTHER_REQUESTS), { freq: 1 }), `client ${TAG} `),
    backend: side(
      [SWITCHING, SWITCHING, ...ANSWERS],
      fc.option(changes(ANSWERS), { freq: 1 }),
      `backend ${TAG} `,
    ),
  })
  .map(({ client, backend }) => ({
    isGood: client.isGood,
    isGoodAnswer: backend.isGood,
    client: client.side,
    backend: backend.side,
  }));

async function runClient(port: number, side: Side): Promise<Got> {
  const connection = openConnection(port);
  await sendPieces(connection.socket, side.pieces);
  await leave(connection, side.ending, CLIENT_WAITS_MS);
  await Promise.race([connection.over, sleep(PATIENCE_MS, undefined, { ref: false })]);
  connection.destroy();
  return gotBy(connection);
}

const gotBy = ({ received, socket, failure }: RawConnection): Got => ({
  text: received,
  ended: socket.closed,
  reset: failure !== undefined,
});

/** Whoever waits leaves the end to the other side; when both do, the backend gives up first. */
async function leave(connection: RawConnection, ending: Ending, waitMs: number): Promise<void> {
  await Promise.race([connection.over, sleep(ending === 'wait' ? waitMs : LEAVES_AFTER_MS)]);
  if (ending === 'reset') connection.reset();
  else connection.end();
}

async function answerByPlan(socket: Socket, plans: ReadonlyMap<string, Plan>): Promise<void> {
  socket.on('end', () => socket.end());
  const connection = new RawConnection(socket);
  const hasHead = (received: string) => received.includes('\r\n\r\n');
  await connection.until(hasHead, 'a head', PATIENCE_MS).catch(() => undefined);
  if (!hasHead(connection.received)) return;
  const plan = plans.get(/tag[a-z]{12}/.exec(connection.received)?.[0] ?? '');
  if (plan === undefined) {
    socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    return;
  }
  plan.atBackend = connection;
  await sendPieces(socket, plan.one.backend.pieces);
  await leave(connection, plan.one.backend.ending, BACKEND_WAITS_MS);
}
