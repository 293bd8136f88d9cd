/** Bodies on our own routes: what the head alone decides is answered before any of the body is asked for, or read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectRaw, type RawConnection } from '../../scripts/lab/raw-connection.ts';
import { tokenFor } from '../../scripts/lab/tokens.ts';
import { sidecarWithDatabase } from '../support/sidecar-with-database.ts';

let port: number;

sidecarWithDatabase(({ sidecar }) => {
  ({ port } = sidecar);
});

const MAX = 64 * 1024;
const JSON_TYPE = 'Content-Type: application/json\r\n';
const EXPECT = 'Expect: 100-continue\r\n';
const PATH = '/api/products/1/reviews';

const head = (headers: string, path = PATH, method = 'POST') =>
  `${method} ${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`;
const signedIn = (headers: string) => head(`Authorization: Bearer ${tokenFor(1)}\r\n${headers}`);

async function connected(run: (client: RawConnection) => Promise<void>): Promise<void> {
  const client = await connectRaw(port);
  try {
    await run(client);
  } finally {
    client.destroy();
  }
}

test('a body that is too large by its Content-Length is 413 before it is sent, and the connection ends', async () => {
  for (const expect of ['', EXPECT]) {
    await connected(async (client) => {
      client.send(signedIn(`${JSON_TYPE}${expect}Content-Length: ${MAX + 1}\r\n`));
      const answer = await client.message();
      assert.match(answer.startLine, / 413 /);
      assert.equal(answer.header('connection'), 'close');
      client.end();
      assert.equal(await client.closed(), '');
    });
  }
});

test('a chunked body is 413 when it has become too large, not at its end', async () => {
  await connected(async (client) => {
    client.send(signedIn(`${JSON_TYPE}${EXPECT}Transfer-Encoding: chunked\r\n`));
    assert.match((await client.message()).startLine, / 100 /);
    client.send(`${MAX.toString(16)}\r\n"${'a'.repeat(MAX - 1)}\r\n1\r\na\r\n`);
    const answer = await client.message();
    assert.match(answer.startLine, / 413 /);
    assert.equal(answer.header('connection'), 'close');
  });
});

test('a client that sends 20 MB before it reads finds the 413, not a reset', async () => {
  await connected(async (client) => {
    const bytes = 20 * 1024 * 1024;
    client.send(signedIn(`${JSON_TYPE}Content-Length: ${bytes}\r\n`)).send(Buffer.alloc(bytes, 'a'));
    assert.match((await client.message()).startLine, / 413 /);
    assert.equal(await client.closed(), '');
    assert.equal(client.failure, undefined);
  });
});

test('who waits for a 100 Continue gets the refusal in its place whenever the head decides', async () => {
  const small = `${JSON_TYPE}${EXPECT}Content-Length: 12\r\n`;
  const typed = (type: string) => signedIn(`Content-Type: ${type}\r\n${EXPECT}Content-Length: 12\r\n`);
  const refusals: [request: string, status: number][] = [
    [head(small), 401],
    [typed('text/plain'), 415],
    [typed('application/json; charset=utf-16'), 415],
    [signedIn(`${small}Content-Encoding: gzip\r\n`), 415],
    [signedIn(`${JSON_TYPE}${EXPECT}Content-Length: ${MAX + 1}\r\n`), 413],
    [head(small, '/api/uploads'), 501],
    [head(small, '/nope'), 404],
    [head(small, '/api/x/../uploads'), 400],
    [head(small, PATH, 'GET'), 200],
  ];
  for (const [request, status] of refusals) {
    await connected(async (client) => {
      const answer = await client.send(request).message();
      assert.match(answer.startLine, new RegExp(` ${status} `), request);
      // Whether a body follows now is the client's choice (RFC 9110 §10.1.1), so nothing can follow it.
      assert.equal(answer.header('connection'), 'close');
    });
  }
});

test('a body at the limit is asked for, read to its end, and the connection goes on', async () => {
  const review = '{"rating":5}';
  for (const framing of [`Content-Length: ${MAX}\r\n`, 'Transfer-Encoding: chunked\r\n']) {
    await connected(async (client) => {
      client.send(signedIn(`${JSON_TYPE}${EXPECT}${framing}`));
      assert.match((await client.message()).startLine, / 100 /);
      const body = review.padEnd(MAX, ' ');
      client.send(framing.startsWith('C') ? body : `${MAX.toString(16)}\r\n${body}\r\n0\r\n\r\n`);
      assert.match((await client.message()).startLine, / 200 /);
      assert.match((await client.send(head('', '/livez', 'GET')).message()).startLine, / 200 /);
    });
  }
});

test('a small body that is refused unread is dropped, and the connection goes on', async () => {
  const framed = {
    'Content-Length: 12\r\n': '{"rating":5}',
    'Transfer-Encoding: chunked\r\n': 'c\r\n{"rating":5}\r\n0\r\n\r\n',
  };
  for (const [framing, body] of Object.entries(framed)) {
    for (const [request, status] of [
      [head(`${JSON_TYPE}${framing}`), 401],
      [signedIn(`Content-Type: text/plain\r\n${framing}`), 415],
      [head(framing, '/nope'), 404],
    ] as const) {
      await connected(async (client) => {
        const answer = await client.send(request).message();
        assert.match(answer.startLine, new RegExp(` ${status} `));
        client.send(body);
        assert.match((await client.send(head('', '/livez', 'GET')).message()).startLine, / 200 /);
      });
    }
  }
});

test('a chunked body that is refused unread and does not end is not read for ever', async () => {
  await connected(async (client) => {
    client.send(head('Transfer-Encoding: chunked\r\n', '/nope'));
    assert.match((await client.message()).startLine, / 404 /);
    client.send(`${(MAX + 1).toString(16)}\r\n${'a'.repeat(MAX + 1)}\r\n`);
    assert.equal(await client.closed(), '');
    assert.equal(client.failure, undefined);
  });
});

test('without a body, or with one that is empty, invalid JSON or no UTF-8, it is 422; a byte order mark is not part of it', async () => {
  const answerTo = async (body: string) => {
    const client = await connectRaw(port);
    const answer = await client
      .send(signedIn(`${JSON_TYPE}Content-Length: ${body.length}\r\n`) + body)
      .message();
    client.destroy();
    return answer;
  };
  for (const body of ['', '{"rating":5', '{"rating":5,"text":"\xff"}'])
    assert.match((await answerTo(body)).startLine, / 422 /, body);
  assert.match((await answerTo('\xef\xbb\xbf{"rating":5}')).startLine, / 200 /);
  await connected(async (client) => {
    assert.match((await client.send(signedIn(JSON_TYPE)).message()).startLine, / 422 /);
  });
});
