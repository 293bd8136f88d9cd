/** Which tokens are the backend's: asked of us, and of the library that the backend uses. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { verifyToken } from '../../src/edge/token.ts';
import { AppError } from '../../src/errors.ts';
import { requireTools } from '../support/requirements.ts';

const SECRET = 'test secret';
const KEY = { secret: SECRET, algorithm: 'HS256' } as const;
const NOW_S = Math.floor(Date.now() / 1000);
const LATER = NOW_S + 3600;
const EARLIER = NOW_S - 3600;

const HEADER = { alg: 'HS256', typ: 'JWT' };
const PAYLOAD = { user_id: 1, exp: LATER };

type Part = object | string | Buffer;
interface Row {
  readonly header?: Part;
  readonly payload?: Part;
  /** Replaces the signature. */
  readonly signature?: string;
}

/** `+` stands for what is added to the usual header or payload. */
const ACCEPTED: Record<string, Row> = {
  'as the backend makes it': {},
  'without typ': { header: { alg: 'HS256' } },
  'another typ': { header: { ...HEADER, typ: 'at+jwt' } },
  'a kid': { header: { ...HEADER, kid: 'a' } },
  'b64 true, and critical': { header: { ...HEADER, b64: true, crit: ['b64'] } },
  'b64 that is not false': { header: { ...HEADER, b64: 0 } },
  'exp as a fraction': { payload: { ...PAYLOAD, exp: LATER + 0.5 } },
  'exp in a string': { payload: { ...PAYLOAD, exp: ` +${LATER} ` } },
  'exp in a string with underscores': { payload: { ...PAYLOAD, exp: '9_999_999_999' } },
  'exp twice, the second holds': { payload: `{"user_id":1,"exp":1,"exp":${LATER}}` },
  'iat in the past': { payload: { ...PAYLOAD, iat: EARLIER } },
  'iat as a fraction': { payload: { ...PAYLOAD, iat: EARLIER + 0.5 } },
  'iat true': { payload: { ...PAYLOAD, iat: true } },
  'nbf in the past': { payload: { ...PAYLOAD, nbf: EARLIER } },
  'nbf in a string': { payload: { ...PAYLOAD, nbf: String(EARLIER) } },
  'nbf true': { payload: { ...PAYLOAD, nbf: true } },
  ...Object.fromEntries(
    ['', null, 0, false, [], {}].map((aud) => [
      `aud ${JSON.stringify(aud)}`,
      { payload: { ...PAYLOAD, aud } },
    ]),
  ),
  'other claims': { payload: { ...PAYLOAD, iss: 'x', jti: 'y', scope: ['z'], name: 'Жанна' } },
  'white space in the JSON': { payload: ` { "user_id" : 1 , "exp" : ${LATER} }\n` },
};

const REFUSED: Record<string, Row> = {
  'another signature': { signature: 'AAAA' },
  'no signature': { signature: '' },
  'alg none': { header: { alg: 'none' }, signature: '' },
  'alg none, signed': { header: { alg: 'none' } },
  'another alg': { header: { alg: 'HS512' } },
  'alg in lower case': { header: { alg: 'hs256' } },
  'no alg': { header: { typ: 'JWT' } },
  'alg as a list': { header: { alg: ['HS256'] } },
  'a header that is a list': { header: [HEADER] },
  'a header that is no JSON': { header: 'x' },
  'a header that is not UTF-8': { header: latin1('{"alg":"HS256","x":"é"}') },
  'kid as a number': { header: { ...HEADER, kid: 1 } },
  'kid null': { header: { ...HEADER, kid: null } },
  'b64 false': { header: { ...HEADER, b64: false } },
  'b64 false, and critical': { header: { ...HEADER, b64: false, crit: ['b64'] } },
  'crit unknown': { header: { ...HEADER, crit: ['exp'], exp: LATER } },
  'crit unknown beside a known one': { header: { ...HEADER, b64: true, crit: ['b64', 'x'], x: 1 } },
  'crit of what is not there': { header: { ...HEADER, crit: ['b64'] } },
  'crit empty': { header: { ...HEADER, crit: [] } },
  'crit as a string': { header: { ...HEADER, b64: true, crit: 'b64' } },
  'crit of numbers': { header: { ...HEADER, crit: [1] } },
  'crit null': { header: { ...HEADER, crit: null } },
  'no exp': { payload: { user_id: 1 } },
  'exp in the past': { payload: { ...PAYLOAD, exp: EARLIER } },
  'exp null': { payload: { ...PAYLOAD, exp: null } },
  'exp true': { payload: { ...PAYLOAD, exp: true } },
  'exp as a word': { payload: { ...PAYLOAD, exp: 'never' } },
  'exp as a fraction in a string': { payload: { ...PAYLOAD, exp: `${LATER}.5` } },
  'exp as a list': { payload: { ...PAYLOAD, exp: [LATER] } },
  'exp without end': { payload: `{"user_id":1,"exp":1e999}` },
  'exp in hexadecimal': { payload: { ...PAYLOAD, exp: '0xffffffff' } },
  'exp twice, the second does not hold': { payload: `{"user_id":1,"exp":${LATER},"exp":1}` },
  'iat in the future': { payload: { ...PAYLOAD, iat: LATER } },
  'iat as a word': { payload: { ...PAYLOAD, iat: 'now' } },
  'iat in a string': { payload: { ...PAYLOAD, iat: String(EARLIER) } },
  'iat null': { payload: { ...PAYLOAD, iat: null } },
  'iat as an object': { payload: { ...PAYLOAD, iat: {} } },
  'nbf in the future': { payload: { ...PAYLOAD, nbf: LATER } },
  'nbf in the future in a string': { payload: { ...PAYLOAD, nbf: String(LATER) } },
  'nbf as a word': { payload: { ...PAYLOAD, nbf: 'now' } },
  'nbf null': { payload: { ...PAYLOAD, nbf: null } },
  'aud of somebody else': { payload: { ...PAYLOAD, aud: 'reset-password' } },
  'aud as a list': { payload: { ...PAYLOAD, aud: ['a'] } },
  'aud true': { payload: { ...PAYLOAD, aud: true } },
  'a payload that is a list': { payload: [PAYLOAD] },
  'a payload that is a string': { payload: '"x"' },
  'a payload that is null': { payload: 'null' },
  'a payload that is no JSON': { payload: '{"exp":' },
  'a payload that is not UTF-8': { payload: latin1(`{"user_id":1,"exp":${LATER},"name":"é"}`) },
};

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

function tokenOf({ header = HEADER, payload = PAYLOAD, signature }: Row): string {
  const bytes = (part: Part) =>
    typeof part === 'string' || Buffer.isBuffer(part) ? part : JSON.stringify(part);
  const signed = [header, payload].map((part) => Buffer.from(bytes(part)).toString('base64url')).join('.');
  return `${signed}.${signature ?? createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

const ALL = { ...ACCEPTED, ...REFUSED };

for (const [name, row] of Object.entries(ALL)) {
  test(`${name}: ${name in ACCEPTED ? 'accepted' : 'refused'}`, () => {
    if (name in ACCEPTED) assert.equal(verifyToken(tokenOf(row), KEY).user_id, 1);
    else assert.throws(() => verifyToken(tokenOf(row), KEY), isInvalidToken);
  });
}

test('PyJWT accepts and refuses the same', (t) => {
  if (!requireTools(t, ['PyJWT'])) return;
  const tokens = Object.values(ALL).map(tokenOf);
  const { stdout, stderr } = spawnSync('/usr/bin/python3', ['-c', PYTHON, SECRET], {
    input: JSON.stringify(tokens),
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  const verdicts = JSON.parse(stdout) as string[];
  const found = Object.fromEntries(Object.keys(ALL).map((name, i) => [name, verdicts[i]]));
  for (const [name, verdict] of Object.entries(found)) {
    assert.equal(verdict === 'accepted', name in ACCEPTED, `${name}: ${verdict}`);
  }
});

const PYTHON = `
import json, sys, jwt
def verdict(token):
    try:
        jwt.decode(token, sys.argv[1], algorithms=["HS256"], options={"require": ["exp"]})
        return "accepted"
    except Exception as error:
        return repr(error)
print(json.dumps([verdict(token) for token in json.load(sys.stdin)]))
`;

test('times are compared in whole seconds, as PyJWT does, without leeway', () => {
  const at = (claims: object, nowMs: number) => () =>
    verifyToken(tokenOf({ payload: { user_id: 1, ...claims } }), KEY, nowMs);
  const nowMs = LATER * 1000 + 400;
  for (const claims of [
    { exp: LATER },
    { exp: LATER + 0.9 },
    { exp: LATER + 9, nbf: LATER + 1 },
    { exp: LATER + 9, iat: LATER + 0.1 },
  ]) {
    assert.throws(at(claims, nowMs), isInvalidToken, JSON.stringify(claims));
  }
  for (const claims of [
    { exp: LATER + 1 },
    { exp: LATER + 1, nbf: LATER + 0.9 },
    { exp: LATER + 1, nbf: LATER, iat: LATER },
  ]) {
    assert.doesNotThrow(at(claims, nowMs), JSON.stringify(claims));
  }
});

const isInvalidToken = (error: unknown) =>
  error instanceof AppError && error.status === 401 && error.message === 'Invalid token';
