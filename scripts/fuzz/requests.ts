/**
 * Mutated requests. One client at a time, so that whatever the backend sees is known to come from these bytes.
 */
import type { Socket } from 'node:net';
import fc from 'fast-check';
import { tokenFor } from '../lab/tokens.ts';
import { converse, type Leaving } from './conversation.ts';
import { pipeline, requestCorpus } from './corpus.ts';
import { readConnection } from './fuzz-backend.ts';
import { expectationOf, judgeRequests, type RequestCase, type Seen } from './judge-requests.ts';
import type { Mode, ModeContext } from './mode.ts';
import { changes, cuts, splitAt } from './mutate.ts';
import { type ReadMessage, valuesOf } from './reference-reader.ts';

export async function fuzzRequests({ backend, sidecar }: ModeContext): Promise<Mode<RequestCase>> {
  const atBackend = watchBackend();
  backend.handle(atBackend.onConnection);
  await sidecar.barrier();
  let previous = expectationOf('');
  const run = async (one: RequestCase) => {
    atBackend.begin(one.answersEarly);
    const expected = expectationOf(one.bytes);
    const conversation = await converse({ ...one, port: sidecar.port, isServed: expected.isServed });
    await sidecar.barrier();
    const seen = atBackend.end();
    const problems = judgeRequests({ one, expected, previous, conversation, seen });
    const lines = sidecar.takeComplaints();
    if (lines.length > 0) problems.push('the log complains');
    previous = expected;
    const { received, ended } = conversation;
    return {
      problems,
      evidence: { ...one, received, ended, seen: seen.requests.map((r) => r.start), lines },
    };
  };
  return { clients: 1, cases: requestCases(requestCorpus(tokenFor(1))), connect: () => run };
}

const LEAVINGS: readonly Leaving[] = ['served', 'served', 'served', 'served', 'fin', 'reset'];

const requestCases = (corpus: readonly string[]): fc.Arbitrary<RequestCase> =>
  fc
    .record({
      good: pipeline(corpus),
      change: changes(corpus),
      at: cuts(20),
      leaving: fc.constantFrom(...LEAVINGS),
      answersEarly: fc.nat(9).map((n) => n === 9),
    })
    .map(({ good, change, at, ...one }) => {
      const bytes = change(good);
      return { ...one, bytes, pieces: splitAt(bytes, at) };
    });

function watchBackend() {
  let count = 0;
  let early = false;
  let seen = { requests: [] as ReadMessage[], tags: [] as string[], invalid: [] as string[] };
  const answer = (message: Pick<ReadMessage, 'start' | 'fields'>, socket: Socket) => {
    count += 1;
    const tag = `tag-${count}-`;
    seen.tags.push(tag);
    const isHead = message.start[0] === 'HEAD';
    const head = `HTTP/1.1 200 OK\r\nX-Tag: ${tag}\r\n`;
    const length = `${head}Content-Length: ${tag.length}\r\n\r\n${isHead ? '' : tag}`;
    const chunks = `${tag.length.toString(16)}\r\n${tag}\r\n0\r\n\r\n`;
    const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n${isHead ? '' : chunks}`;
    socket.write(count % 2 === 0 ? length : chunked, 'latin1');
    if (valuesOf(message, 'upgrade').length > 0) socket.end();
  };
  return {
    onConnection(socket: Socket) {
      let answered = false;
      readConnection(socket, {
        onHead(message) {
          answered = early && !isOwnQuestion(message);
          if (answered) answer(message, socket);
        },
        onRequest(message) {
          if (isOwnQuestion(message)) {
            socket.write('HTTP/1.1 204 No Content\r\n\r\n');
            return;
          }
          seen.requests.push(message);
          if (!answered) answer(message, socket);
          answered = false;
        },
        onInvalid(why, bytes) {
          seen.invalid.push(`${why}: ${bytes.slice(0, 500)}`);
        },
      });
    },
    begin(answersEarly: boolean) {
      early = answersEarly;
      seen = { requests: [], tags: [], invalid: [] };
    },
    end: (): Seen => seen,
  };
}

/** The sidecar's own: behind /readyz, and soon after its start (shared-routes.ts). */
const isOwnQuestion = (message: Pick<ReadMessage, 'start' | 'fields'>) =>
  ['/healthz', '/openapi.json'].includes(message.start[1] ?? '') &&
  valuesOf(message, 'host').join() === 'localhost';
