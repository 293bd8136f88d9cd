/**
 * Our own HTTP/1.1 client against undici, the oracle: the same bytes of a backend must be understood in the same way,
 * and the backend must be sent the same request. The cases are in test/support/response-cases.ts.
 */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { cuts, splitAt } from '../../scripts/fuzz/mutate.ts';
import type { RawConnection, RawMessage } from '../../scripts/lab/raw-connection.ts';
import { type ScriptedBackend, startScriptedBackend } from '../../scripts/lab/scripted-backend.ts';
import type {
  BackendClient,
  BackendClientOptions,
  BackendRequest,
} from '../../src/forward/backend-client.ts';
import { createHttp1Client } from '../../src/forward/http1/client.ts';
import { getRequest, type ObservedExchange, observe } from '../support/observed-exchange.ts';
import {
  BROKEN,
  CHUNKED,
  EARLY_HINTS,
  LENIENT,
  type Scripted,
  STRICTER,
  VALID,
} from '../support/response-cases.ts';
import { createUndiciClient } from '../support/undici-client.ts';
import { validResponse } from '../support/valid-response.ts';

const ANSWER_TIMEOUT_MS = 3_000;

let backend: ScriptedBackend;
let scripted: Scripted;
let ours: BackendClient;
let undici: BackendClient;

async function script(connection: RawConnection): Promise<void> {
  for (;;) {
    await connection.message();
    const { pieces, end } = scripted;
    for (const piece of pieces) {
      connection.send(piece);
      if (pieces.length > 1) await new Promise(setImmediate);
    }
    if (end) connection.end();
  }
}

before(async () => {
  backend = await startScriptedBackend(script);
  ours = createHttp1Client(clientOptions());
  undici = createUndiciClient(clientOptions());
});

after(async () => {
  await Promise.all([ours.close(), undici.close()]);
  await backend.stop();
});

const clientOptions = (): BackendClientOptions => ({
  backend: { kind: 'tcp', host: '127.0.0.1', port: backend.port },
  connectTimeoutMs: 3_000,
  headersTimeoutMs: ANSWER_TIMEOUT_MS,
  bodyTimeoutMs: ANSWER_TIMEOUT_MS,
  idleTimeoutMs: 4_000,
  maxHeaderBytes: 64 * 1024,
});

type Observed = { readonly ours: ObservedExchange; readonly undici: ObservedExchange };

/** Both clients, one after the other, on the same script. @param options for clients of their own */
async function both(
  response: Scripted,
  request: Partial<BackendRequest> = {},
  how: { pauseEvery?: number } = {},
  options?: BackendClientOptions,
): Promise<Observed> {
  scripted = response;
  const [first, second] = options
    ? [createHttp1Client(options), createUndiciClient(options)]
    : [ours, undici];
  const observed = {
    ours: await observe(first, getRequest(request), how),
    undici: asOurs(await observe(second, getRequest(request), how)),
  };
  if (options) await Promise.all([first.close(), second.close()]);
  return observed;
}

/**
 * Two habits of undici's that are no opinion about HTTP: it leaves blanks behind a value (RFC 9110 §5.5 does not count
 * them), and of a reason that came in two reads it keeps the second half, decoded as UTF-8.
 */
function asOurs(observed: ObservedExchange): ObservedExchange {
  const tidy = (pairs: readonly string[]) => pairs.map((text) => text.replace(/[\t ]+$/, ''));
  const { head } = observed;
  return {
    ...observed,
    interim: observed.interim.map(([status, headers]) => [status, tidy(headers)] as const),
    head: head && { ...head, headers: tidy(head.headers) },
    trailers: tidy(observed.trailers),
  };
}

const withoutReason = (observed: ObservedExchange) => ({
  ...observed,
  head: observed.head && { ...observed.head, reason: '' },
});

/** The reason in the first final status line of a script. */
const reasonIn = (response: Scripted) =>
  /HTTP\/1\.[01] [2-5]\d\d ?(?<reason>[^\r]*)/.exec(response.pieces.join(''))?.groups?.reason;

async function agree(response: Scripted, request?: Partial<BackendRequest>, how?: { pauseEvery?: number }) {
  const observed = await both(response, request, how);
  const what = JSON.stringify(response.pieces).slice(0, 1_000);
  assert.deepEqual(withoutReason(observed.ours), withoutReason(observed.undici), what);
  assert.equal(observed.ours.head?.reason, reasonIn(response), what);
  return observed.ours;
}

describe('valid responses are read as undici reads them', () => {
  for (const { name, method, body, ...response } of VALID) {
    test(name, async () => {
      const seen = await agree(response, { method: method ?? 'GET' });
      assert.deepEqual([seen.outcome, seen.body], ['end', body]);
    });
  }

  test('a chunked response with trailers, split in two at every byte', async () => {
    for (let at = 1; at < CHUNKED.length; at += 1) {
      const seen = await agree({ pieces: [CHUNKED.slice(0, at), CHUNKED.slice(at)] });
      assert.deepEqual([seen.outcome, seen.body], ['end', 'hello 0123456789'], `split at ${at}`);
      assert.deepEqual(seen.trailers, ['X-T', '1', 'x-u', '\xe9'], `split at ${at}`);
    }
  });

  test('a response with an interim one before it, split in two at every byte', async () => {
    const bytes = `${EARLY_HINTS}HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc`;
    for (let at = 1; at < bytes.length; at += 1) {
      const seen = await agree({ pieces: [bytes.slice(0, at), bytes.slice(at)] });
      assert.deepEqual([seen.outcome, seen.body, seen.interim.length], ['end', 'abc', 1], `split at ${at}`);
    }
  });

  test('bodies that arrive faster than they are taken', async () => {
    const block = 'b'.repeat(100_000);
    const chunks = Array.from({ length: 10 }, () => `186a0\r\n${block}\r\n`);
    const bodies: Scripted[] = [
      { pieces: ['HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n', ...Array<string>(10).fill(block)] },
      { pieces: ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', ...chunks, '0\r\n\r\n'] },
      { pieces: ['HTTP/1.1 200 OK\r\n\r\n', ...Array<string>(10).fill(block)], end: true },
    ];
    for (const response of bodies) {
      const seen = await agree(response, {}, { pauseEvery: 1 });
      assert.deepEqual([seen.outcome, seen.body.length], ['end', 1_000_000]);
    }
  });

  /** However busy the machine is. */
  const FEWEST_CASES = 20;

  test('hundreds of random ones, split at random places', async () => {
    const giveUpAt = Date.now() + 5_000;
    let cases = 0;
    const exchanges = fc
      .constantFrom('GET', 'GET', 'GET', 'HEAD', 'DELETE')
      .chain((method) => fc.tuple(fc.constant(method), validResponse(method), cuts(5), fc.nat(3)));
    const property = fc.asyncProperty(exchanges, async ([method, { bytes, end }, at, pauseEvery]) => {
      if (cases >= FEWEST_CASES && Date.now() > giveUpAt) return;
      cases += 1;
      const seen = await agree({ pieces: splitAt(bytes, at), end }, { method }, { pauseEvery });
      assert.equal(seen.outcome, 'end');
    });
    await fc.assert(property, { numRuns: 400 });
    assert.ok(cases >= FEWEST_CASES);
  });
});

test('both keep a connection for the next request, and give it up after Connection: close', async () => {
  const keep: Scripted = { pieces: ['HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'] };
  const close: Scripted = { pieces: ['HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'] };
  for (const create of [createHttp1Client, createUndiciClient]) {
    const client = create(clientOptions());
    const before = backend.connections.length;
    const opened: number[] = [];
    for (const response of [keep, keep, keep, close, keep]) {
      scripted = response;
      await observe(client, getRequest());
      opened.push(backend.connections.length - before);
      // undici takes a turn of the event loop before it uses a connection again.
      await sleep(2);
    }
    await client.close();
    assert.deepEqual(opened, [1, 1, 1, 1, 2], create.name);
  }
});

describe('broken responses fail alike', () => {
  for (const { name, ...response } of BROKEN) {
    test(name, async () => {
      const observed = await both(response);
      // A cut is a cut; what nonsense is called differs, since undici has no word of its own for it.
      assert.equal(observed.ours.outcome, response.end ? 'reset' : 'protocol');
      assert.notEqual(observed.undici.outcome, 'end');
      assert.deepEqual(
        [observed.ours.head, observed.ours.body],
        [observed.undici.head, observed.undici.body],
      );
    });
  }
});

describe('ours is stricter', () => {
  for (const { name, why, ...response } of STRICTER) {
    test(`${name}: ${why}`, async () => {
      const observed = await both(response);
      assert.deepEqual([observed.ours.outcome, observed.undici.outcome], ['protocol', 'end']);
    });
  }
});

describe('ours takes what undici does not', () => {
  for (const { name, why, body, trailers = [], ...response } of LENIENT) {
    test(`${name}: ${why}`, async () => {
      const observed = await both(response, {}, {}, { ...clientOptions(), bodyTimeoutMs: 300 });
      const { ours } = observed;
      assert.deepEqual([ours.outcome, ours.body, ours.trailers], ['end', body, trailers]);
      assert.notEqual(observed.undici.outcome, 'end');
    });
  }
});

describe('the backend is sent the same request', () => {
  const headers = ['Host', 'example.com', 'X-A', '1', 'x-b', 'caf\xe9', 'X-A', '2', 'Cookie', 'a=b'];
  const blocks = ['first ', 'second ', 'third'];
  const text = blocks.join('');
  const length = String(text.length);
  const stream = () => Readable.from(blocks.map((block) => Buffer.from(block)));
  const withLength = () => ({
    method: 'POST',
    headers: [...headers, 'Content-Length', length],
    body: stream(),
    contentLength: text.length,
  });
  const chunkedOf = (method: string) => () => ({ method, body: stream(), contentLength: null });
  const CASES: readonly {
    readonly name: string;
    readonly request: () => Partial<BackendRequest>;
    readonly framing: object;
    readonly body: string;
  }[] = [
    { name: 'without a body', request: () => ({}), framing: {}, body: '' },
    { name: 'HEAD', request: () => ({ method: 'HEAD' }), framing: {}, body: '' },
    { name: 'with Content-Length', request: withLength, framing: { 'content-length': length }, body: text },
    {
      name: 'with a chunked body',
      request: chunkedOf('PUT'),
      framing: { 'transfer-encoding': 'chunked' },
      body: text,
    },
    {
      name: 'DELETE with a chunked body',
      request: chunkedOf('DELETE'),
      framing: { 'transfer-encoding': 'chunked' },
      body: text,
    },
  ];

  for (const { name, request, framing, body } of CASES) {
    test(name, async () => {
      const seen: RawMessage[] = [];
      const server = await startScriptedBackend(async (connection) => {
        seen.push(await connection.message());
        connection.send('HTTP/1.1 204 No Content\r\n\r\n');
      });
      const options: BackendClientOptions = {
        ...clientOptions(),
        backend: { kind: 'tcp', host: '127.0.0.1', port: server.port },
      };
      for (const create of [createHttp1Client, createUndiciClient]) {
        const client = create(options);
        const sent = getRequest({ target: '/api/x/%2e%zz?q=a|b', headers, ...request() });
        assert.equal((await observe(client, sent)).outcome, 'end');
        await client.close();
      }
      await server.stop();
      const [our, theirs] = seen.map(asPlain);
      assert.deepEqual(our, theirs);
      assert.deepEqual([our?.framing, our?.body], [framing, body]);
    });
  }

  /** undici says that the connection is to be kept, which HTTP/1.1 means anyway, and has an order of its own. */
  function asPlain(message: RawMessage) {
    const fields = message.headers
      .map(([name, value]) => [name.toLowerCase(), value] as const)
      .filter(([name]) => name !== 'connection');
    const framing = fields.filter(([name]) => name === 'content-length' || name === 'transfer-encoding');
    return {
      startLine: message.startLine,
      headerLines: fields.map((pair) => pair.join(': ')).toSorted(),
      framing: Object.fromEntries(framing),
      body: message.body,
    };
  }
});
