/** What becomes of a request on its way through Nginx: head, body, answer, WebSocket. */
import { type Finding, notApplicable, ok, unchecked, wrong } from '../uploads/check.ts';
import { FIRST_PART, REFUSAL, REFUSED, SLOW_ANSWER, WEB_SOCKET } from './nginx-copy.ts';
import { type Probe, type ProbeOutcome, probe } from './nginx-probe.ts';
import { COPY, type NginxCheck, type NginxScene } from './nginx-scene.ts';
import { descendants, locationFor, valueFor } from './nginx-tree.ts';

const PATH = '/api/doctor';
/** What a client claims; an address for documents (RFC 5737). */
const CLAIMED = '203.0.113.9';
const CLOSE = 'Connection: close\r\n';
/** Larger than any limit that was meant for something else, smaller than what the backend takes. */
const LARGE_BYTES = 1024 ** 3;

type Judge = (
  outcome: ProbeOutcome & { readonly arrival: NonNullable<ProbeOutcome['arrival']> },
  scene: NginxScene,
) => Finding;

/** A check that sends one request and looks at what has arrived. */
const arriving = (name: string, asked: Probe, judge: Judge): NginxCheck => ({
  name,
  needs: [COPY],
  async run(scene, signal) {
    if (scene.nginx.copy === null) return notApplicable('');
    const outcome = await probe(scene.nginx.copy, asked, signal);
    const { arrival, status } = outcome;
    return arrival === null
      ? unchecked(scene.words.notPassedOn(asked.path, status))
      : judge({ ...outcome, arrival }, scene);
  },
});

const HOSTS = arriving('Host', { path: PATH, head: CLOSE }, ({ arrival }, { words, nginx: { copy } }) =>
  arrival.headers.host === copy?.host
    ? ok(words.hostArrives)
    : wrong(words.hostChanges(arrival.headers.host ?? ''), words.setHost),
);

const WITHOUT_HOST = arriving(
  'Host of HTTP/1.0',
  { path: PATH, isWithoutHost: true },
  ({ arrival }, { words }) =>
    arrival.headers.host ? ok(arrival.headers.host) : wrong(words.noHost, words.setHost),
);

const FORWARDED = arriving(
  'X-Forwarded-*',
  {
    path: PATH,
    head: `X-Forwarded-For: ${CLAIMED}\r\nX-Forwarded-Proto: gopher\r\n${CLOSE}`,
  },
  ({ arrival: { headers } }, { words, nginx: { api, copy } }) => {
    const said = words.forwarded(
      String(headers['x-forwarded-for'] ?? '-'),
      String(headers['x-forwarded-proto'] ?? '-'),
    );
    // Whose word is taken then is a matter of addresses that are not on this machine.
    if (api && [...descendants(api.http)].some(({ name }) => name === 'real_ip_header'))
      return unchecked(words.realIp(said));
    const isRight =
      headers['x-forwarded-for'] === '127.0.0.1' &&
      headers['x-forwarded-proto'] === (copy?.isTls ? 'https' : 'http');
    if (isRight) return ok(said);
    return wrong(said, words.setForwarded);
  },
);

const ODD_PATH = `${PATH}/a%2Fb//c%20?q=%20&x=1`;
const TARGET = arriving('path', { path: ODD_PATH, head: CLOSE }, ({ arrival }, { words }) =>
  arrival.target === ODD_PATH
    ? ok(words.pathArrives)
    : wrong(words.pathChanges(ODD_PATH, arrival.target), words.mendProxyPass),
);

const LARGE: Probe = {
  ...{
    method: 'POST',
    path: PATH,
    head: `Content-Length: ${LARGE_BYTES}\r\n`,
    body: FIRST_PART,
  },
  isOver: (answer, arrival) => answer !== '' || arrival !== null,
};

/** Only the head of a large body, and a little of it: a limit answers at once, and what is streamed arrives at once. */
const BODIES: NginxCheck = {
  name: 'body limit',
  needs: [COPY],
  async run({ words, nginx: { copy, api } }, signal) {
    if (copy === null || api === null) return notApplicable('');
    const { arrival, status } = await probe(copy, LARGE, signal);
    const limit = valueFor(api, locationFor(api, PATH), 'client_max_body_size') ?? '1m';
    if (status === 413) return wrong(words.bodyLimit(limit), words.raiseLimit);
    if (arrival !== null) return ok(words.bodiesStream);
    const isBuffered = valueFor(api, locationFor(api, PATH), 'proxy_request_buffering') !== 'off';
    return isBuffered
      ? wrong(words.bodiesBuffered, words.streamBodies)
      : unchecked(words.notPassedOn(PATH, status));
  },
};

const STREAMED: NginxCheck = {
  name: 'answers',
  needs: [COPY],
  async run({ words, nginx: { copy, api } }, signal) {
    if (copy === null || api === null) return notApplicable('');
    const head = CLOSE;
    const refused = await probe(
      copy,
      { path: REFUSED, head, isOver: (answer) => answer.includes(REFUSAL) },
      signal,
    );
    if (refused.arrival === null) return unchecked(words.notPassedOn(REFUSED, refused.status));
    if (!refused.answer.includes(REFUSAL))
      return wrong(words.errorsReplaced(refused.status), words.keepErrors);
    const slow = await probe(
      copy,
      { path: SLOW_ANSWER, head, isOver: (answer) => answer.includes(FIRST_PART) },
      signal,
    );
    if (slow.answer.includes(FIRST_PART)) return ok(words.answersStream);
    const isBuffered = valueFor(api, locationFor(api, PATH), 'proxy_buffering') !== 'off';
    return isBuffered
      ? wrong(words.answersBuffered, words.streamAnswers)
      : unchecked(words.notPassedOn(SLOW_ANSWER, slow.status));
  },
};

const FRAMES = 'frames there and back';
const HANDSHAKE =
  `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
  'Sec-WebSocket-Key: ZG9jdG9yLWRvY3Rvci1kbw==\r\n';

const CHAT = arriving(
  'WebSocket',
  {
    path: WEB_SOCKET,
    head: HANDSHAKE,
    reply: FRAMES,
    isOver: (answer) => answer.includes(FRAMES) || /^HTTP\S+ [2-5]/.test(answer),
  },
  ({ arrival: { headers }, answer, status }, { words }) => {
    if (headers.upgrade?.toLowerCase() !== 'websocket' || !/upgrade/i.test(headers.connection ?? ''))
      return wrong(words.upgradeLost, words.setUpgrade);
    return status === 101 && answer.includes(FRAMES)
      ? ok(words.framesArrive)
      : wrong(words.framesLost(status), words.setUpgrade);
  },
);

export const arrivalChecks = [HOSTS, WITHOUT_HOST, FORWARDED, TARGET, BODIES, STREAMED, CHAT];
