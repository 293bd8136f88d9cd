/** In which language errors are, and what tells caches that it may be another. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { exchangeRaw } from '../../scripts/lab/raw-connection.ts';
import { LANGUAGES } from '../../src/config/settings.ts';
import { createLanguageOf } from '../../src/edge/accept-language.ts';
import { api } from '../support/api.ts';
import { startSidecar, type TestSidecar } from '../support/start-sidecar.ts';

let sidecar: TestSidecar;
/** The operator's buyers read Russian. */
let russian: TestSidecar;

before(async () => {
  sidecar = await startSidecar({ BACKEND_URL: 'http://127.0.0.1:9' });
  russian = await startSidecar({ DETAIL_LANGUAGE: 'ru' });
});

after(() => Promise.all([sidecar.stop(), russian.stop()]));

const HEADERS: readonly (readonly [acceptLanguage: string | undefined, language: string | 'default'])[] = [
  ['ru', 'ru'],
  ['ru-RU,ru;q=0.9,en;q=0.8', 'ru'],
  ['RU-ru', 'ru'],
  ['uz', 'uz'],
  ['uz-Latn', 'uz'],
  ['uz-Latn-UZ,uz;q=0.9', 'uz'],
  ['uz-Cyrl', 'uz'],
  ['en-GB,en;q=0.9,ru;q=0.8', 'en'],
  ['de,ru;q=0.3,uz;q=0.5', 'uz'],
  ['uz, ru', 'uz'],
  ['en;q=0.1, ru;q=0.2', 'ru'],
  [undefined, 'default'],
  ['', 'default'],
  ['*', 'default'],
  ['de, *;q=0.5', 'default'],
  ['de-DE,fr', 'default'],
  ['en;q=0', 'default'],
  ['en;q=0, ru;q=0, uz;q=0', 'default'],
  ['ru;q=nonsense', 'default'],
  [';;;,,,=', 'default'],
  ['ru'.repeat(20), 'default'],
  [`${'x-junk;q=0.1,'.repeat(600)}ru`, 'default'],
];

for (const fallback of LANGUAGES)
  test(`by Accept-Language, else ${fallback}, also when it is asked again`, () => {
    const languageOf = createLanguageOf(fallback);
    for (let round = 0; round < 2; round += 1)
      for (const [header, wanted] of HEADERS)
        assert.equal(languageOf(header), wanted === 'default' ? fallback : wanted, header);
  });

test('a language that is refused is not the default', () => {
  assert.equal(createLanguageOf('en')('en;q=0, *'), 'ru');
});

test('whoever makes headers up fills no memory, and is answered all the same', () => {
  const languageOf = createLanguageOf('en');
  for (let i = 0; i < 2_000; i += 1) assert.equal(languageOf(`uz, x-${i};q=0.5`), 'uz');
  assert.equal(languageOf('ru'), 'ru');
});

const ask = (path: string, acceptLanguage: string, headers: Record<string, string> = {}) =>
  api('GET', `${sidecar.url}${path}`, { headers: { 'accept-language': acceptLanguage, ...headers } });

test('an error of our routes is in the language of who asks, and says that it depends on it', async () => {
  const path = '/api/products/1/reviews?limit=0';
  const answers = await Promise.all(LANGUAGES.map((language) => ask(path, language)));
  assert.deepEqual(
    answers.map(({ status, body }) => [status, body.detail]),
    [
      [422, 'limit: must be a whole number from 1 to 200'],
      [422, 'Размер страницы: укажите целое число от 1 до 200.'],
      [422, 'Sahifa hajmi: 1 dan 200 gacha butun son koʻrsating.'],
    ],
  );
  for (const { body, headers } of answers) {
    const params = { field: 'limit', rule: 'whole_number', min: 1, max: 200 };
    assert.deepEqual([body.code, body.params], ['invalid', params]);
    assert.equal(headers.get('vary'), 'Accept-Language');
    assert.equal(headers.get('content-type'), 'application/json');
  }
});

test('beside the Vary of CORS', async () => {
  const { headers } = await ask('/api/uploads/limits', 'ru', { origin: 'https://shop.example.com' });
  assert.equal(headers.get('vary'), 'Origin, Accept-Language');
  assert.equal(headers.get('access-control-allow-origin'), 'https://shop.example.com');
});

test('an error in place of the backend’s answer is in it as well', async () => {
  const { status, body, headers } = await ask('/api/orders', 'ru');
  assert.deepEqual(
    [status, body.detail, body.code],
    [502, 'Сервер временно недоступен. Попробуйте чуть позже.', 'bad_gateway'],
  );
  assert.deepEqual([headers.get('vary'), headers.get('retry-after')], ['Accept-Language', '1']);
});

test('what the backend says in the same words is in no other language, and depends on none', async () => {
  for (const [path, status, body] of [
    ['/nobody', 404, { detail: 'Not Found', code: 'not_found' }],
    ['/api/product-reviews/mine', 401, { detail: 'Not authenticated', code: 'unauthorized' }],
  ] as const) {
    const answer = await ask(path, 'ru');
    assert.deepEqual([answer.status, answer.body, answer.headers.get('vary')], [status, body, null]);
  }
});

/** The bytes of a body are read one by one. */
const jsonOf = (body: string) => JSON.parse(Buffer.from(body, 'latin1').toString());

const raw = (request: string) => exchangeRaw(sidecar.port, request);

test('what is refused before anybody looks at its path is in the language of its head', async () => {
  const refused = await raw('GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\nAccept-Language: uz\r\n\r\n');
  assert.deepEqual(
    [refused.startLine, jsonOf(refused.body)],
    [
      'HTTP/1.1 400 Bad Request',
      { detail: 'Host sarlavhasi bir martadan ortiq koʻrsatilgan.', code: 'bad_request' },
    ],
  );
  const connect = await raw('CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nAccept-Language: ru\r\n\r\n');
  assert.deepEqual(
    [connect.startLine, connect.header('vary'), jsonOf(connect.body)],
    [
      'HTTP/1.1 405 Method Not Allowed',
      'Accept-Language',
      {
        detail: 'Метод CONNECT не поддерживается.',
        code: 'method_not_allowed',
        params: { method: 'CONNECT' },
      },
    ],
  );
});

test('a WebSocket that cannot reach the backend is refused in the language of its handshake', async () => {
  const upgrade =
    'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';
  const refused = await raw(
    `GET /ws/chat/1 HTTP/1.1\r\nHost: a\r\n${upgrade}Sec-WebSocket-Version: 13\r\nAccept-Language: ru\r\n\r\n`,
  );
  assert.equal(refused.startLine, 'HTTP/1.1 502 Bad Gateway');
  assert.deepEqual(jsonOf(refused.body), {
    detail: 'Сервер временно недоступен. Попробуйте чуть позже.',
    code: 'bad_gateway',
  });
});

test('what is no request at all is in the operator’s language', async () => {
  const answer = await exchangeRaw(russian.port, 'nonsense\r\n\r\n');
  assert.deepEqual(jsonOf(answer.body), { detail: 'Это не HTTP-запрос.', code: 'bad_request' });
});

test('eight kilobytes of languages are answered in the default one', async () => {
  const answer = await ask('/api/products/1/reviews?limit=0', `ru,${'x-junk;q=0.1,'.repeat(600)}`);
  assert.deepEqual([answer.status, answer.body.detail.slice(0, 6)], [422, 'limit:']);
});

test('the policy is in the language of who asks, and caches know it', async () => {
  const policy = (acceptLanguage: string) => ask('/api/product-reviews/policy', acceptLanguage);
  const [en, ru, uz] = await Promise.all(LANGUAGES.map(policy));
  assert.match(en?.body.moderation, /^Reviews are shown at once/);
  assert.match(ru?.body.moderation, /^Отзывы публикуются сразу/);
  assert.match(uz?.body.moderation, /^Sharhlar oldindan tekshirilmasdan/);
  for (const answer of [en, ru, uz]) assert.equal(answer?.headers.get('vary'), 'Accept-Language');
  const fromPage = await ask('/api/product-reviews/policy', 'ru', { origin: 'https://shop.example.com' });
  assert.equal(fromPage.headers.get('vary'), 'Origin, Accept-Language');
});
