/**
 * Mutated requests. One client at a time, so that whatever the backend sees is known to come from these bytes.
 */
import type { Socket } from 'node:net';
import { tokenFor } from '../lab/tokens.ts';
import { converse, type Leaving } from './conversation.ts';
import { pipeline, requestCorpus } from './corpus.ts';
import { readConnection } from './fuzz-backend.ts';
import { expectationOf, judgeRequests, type RequestCase, type Seen } from './judge-requests.ts';
import type { Mode } from './mode.ts';
import { mutate } from './mutate.ts';
import { type Random, splitAtRandom } from './random.ts';
import { type ReadMessage, valuesOf } from './reference-reader.ts';

export const fuzzRequests: Mode = async (context) => {
  const { random, backend, sidecar, findings, until } = context;
  const corpus = requestCorpus(tokenFor(1));
  const atBackend = watchBackend(random);
  backend.handle(atBackend.onConnection);
  await sidecar.barrier();
  let cases = 0;
  let previous = expectationOf('');
  for (; Date.now() < until; cases += 1) {
    const one = randomCase(random, corpus);
    atBackend.begin(one.answersEarly);
    const expected = expectationOf(one.bytes);
    const conversation = await converse({ ...one, port: sidecar.port, isServed: expected.isServed });
    await sidecar.barrier();
    const seen = atBackend.end();
    for (const what of judgeRequests({ one, expected, previous, conversation, seen })) {
      findings.add(what, {
        ...one,
        received: conversation.received,
        ended: conversation.ended,
        seen: seen.requests.map((r) => r.start),
      });
    }
    for (const line of sidecar.takeComplaints()) findings.add('the log complains', { ...one, line });
    previous = expected;
  }
  return cases;
};

function randomCase(random: Random, corpus: readonly string[]): RequestCase {
  const good = pipeline(random, corpus);
  const bytes = random.chance(0.1) ? good : mutate(random, good, corpus);
  const pieces = splitAtRandom(random, bytes, random.pick([1, 1, 2, 5, 20]));
  const leaving = random.pick<Leaving>(['served', 'served', 'served', 'served', 'fin', 'reset']);
  return { bytes, pieces, leaving, answersEarly: random.chance(0.1) };
}

function watchBackend(random: Random) {
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
    socket.write(random.chance(0.5) ? length : chunked, 'latin1');
    if (valuesOf(message, 'upgrade').length > 0) socket.end();
  };
  return {
    onConnection(socket: Socket) {
      let answered = false;
      readConnection(socket, {
        onHead(message) {
          answered = early && !isReadinessCheck(message);
          if (answered) answer(message, socket);
        },
        onRequest(message) {
          if (isReadinessCheck(message)) {
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

/** The sidecar's own question behind /readyz. */
const isReadinessCheck = (message: Pick<ReadMessage, 'start' | 'fields'>) =>
  message.start[1] === '/healthz' && valuesOf(message, 'host').join() === 'localhost';
