import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRouting } from '../../src/edge/routing.ts';

const decide = createRouting([
  { method: 'POST', path: '/api/uploads' },
  { method: 'GET', path: '/api/products/:productId/reviews' },
  { method: 'HEAD', path: '/api/products/:productId/reviews' },
  { method: 'POST', path: '/api/products/:productId/reviews' },
]);

const cases: Record<string, readonly [method: string, target: string, decision: string][]> = {
  'our routes are local, with any query': [
    ['POST', '/api/uploads', 'local'],
    ['POST', '/api/uploads?x=1', 'local'],
    ['GET', '/api/products/1/reviews', 'local'],
    ['HEAD', '/api/products/1/reviews?limit=2&cursor=/../', 'local'],
    ['POST', '/api/products/abc/reviews', 'local'],
  ],
  'the id segment may be percent-encoded': [['GET', '/api/products/%31/reviews', 'local']],
  'other methods on our paths are the backend’s': [
    ['GET', '/api/uploads', 'proxy'],
    ['PATCH', '/api/products/1/reviews', 'proxy'],
    ['DELETE', '/api/products/%31/reviews', 'proxy'],
    ['OPTIONS', '/api/uploads', 'proxy'],
  ],
  'paths that only look alike are the backend’s': [
    ['POST', '/api/uploads/', 'proxy'],
    ['POST', '/api//uploads', 'proxy'],
    ['POST', '/api/Uploads', 'proxy'],
    ['GET', '/api/reviews', 'proxy'],
    ['POST', '/api/reviews/3', 'proxy'],
    ['POST', '/api/upload/video', 'proxy'],
    ['GET', '/api/products/1', 'proxy'],
    ['GET', '/api/products//reviews', 'proxy'],
    ['GET', '/api/products/1/reviews/', 'proxy'],
    ['GET', '/api/products/1/reviews/2', 'proxy'],
    ['POST', '/api/products/1/likes', 'proxy'],
    ['GET', '/api', 'proxy'],
    ['GET', '/ws/chat/1', 'proxy'],
    ['GET', '/healthz', 'proxy'],
  ],
  'a broken percent sign is forwarded as it is': [
    ['GET', '/api/%', 'proxy'],
    ['GET', '/api/%zz/x', 'proxy'],
    ['GET', '/api/100%/reviews', 'proxy'],
  ],
  'harmless encodings and dots are forwarded as they are': [
    ['GET', '/api/search/%D0%BA%D0%BE%D1%82', 'proxy'],
    ['GET', '/api/files/.hidden', 'proxy'],
    ['GET', '/api/x/../products', 'proxy'],
    ['POST', '/api/%2575ploads', 'proxy'],
    ['POST', '/api//%75ploads', 'proxy'],
  ],
  'a path that becomes ours when decoded is refused, whatever the method': [
    ['POST', '/api/%75ploads', 'rejected: ambiguous'],
    ['GET', '/api/%75ploads', 'rejected: ambiguous'],
    ['OPTIONS', '/api/%75ploads', 'rejected: ambiguous'],
    ['GET', '/api/products/1%2Freviews', 'rejected: ambiguous'],
    ['DELETE', '/api/products/1%2freviews', 'rejected: ambiguous'],
    ['GET', '/api/products/1/%72eviews', 'rejected: ambiguous'],
    ['POST', '/%61pi/uploads', 'rejected: ambiguous'],
    ['POST', '/api%2Fuploads', 'rejected: ambiguous'],
  ],
  'a path that becomes ours when its dot segments are removed is refused': [
    ['POST', '/api/x/../uploads', 'rejected: ambiguous'],
    ['POST', '/api/./uploads', 'rejected: ambiguous'],
    ['POST', '/api/uploads/.', 'rejected: ambiguous'],
    ['POST', '/api/uploads/x/..', 'rejected: ambiguous'],
    ['POST', '/api/%2e/uploads', 'rejected: ambiguous'],
    ['POST', '/api/x/%2E%2e/uploads', 'rejected: ambiguous'],
    ['POST', '/x/../api/uploads', 'rejected: ambiguous'],
    ['GET', '/ws/../api/products/1/reviews', 'rejected: ambiguous'],
  ],
  'a fragment, which some readers cut off, is refused where it matters': [
    ['GET', '/api/x#y', 'rejected: ambiguous'],
    ['GET', '/api/x?y#z', 'rejected: ambiguous'],
    ['POST', '/api/uploads#', 'rejected: ambiguous'],
    ['GET', '/livez#x', 'rejected: ambiguous'],
  ],
  'a slash or a dot segment hidden in the id is refused': [
    ['GET', '/api/products/1%2F2/reviews', 'rejected: ambiguous'],
    ['GET', '/api/products/%2e%2e/reviews', 'rejected: ambiguous'],
    ['POST', '/api/products/../reviews', 'rejected: ambiguous'],
  ],
  'dot segments that lead out of the forwarded prefixes are refused': [
    ['GET', '/api/../admin', 'rejected: escaping'],
    ['GET', '/api/%2e%2e/admin', 'rejected: escaping'],
    ['GET', '/ws/../..', 'rejected: escaping'],
    ['GET', '/api/..%2fadmin', 'rejected: escaping'],
  ],
  'every other path is not found': [
    ['GET', '/', 'not_found'],
    ['GET', '/apix', 'not_found'],
    ['OPTIONS', '/apix', 'not_found'],
    ['POST', '/API/uploads', 'not_found'],
    ['GET', '/wsx', 'not_found'],
    ['GET', '/healthz/', 'not_found'],
    ['GET', '/%61pi/products', 'not_found'],
    ['POST', '/livez', 'not_found'],
    ['GET', '/metrics', 'not_found'],
    ['GET', '//api/products', 'not_found'],
    ['POST', '//api/uploads', 'not_found'],
    ['GET', '//evil.example.com/api/x', 'not_found'],
    ['GET', '//..//api/x', 'not_found'],
    ['GET', '//', 'not_found'],
    ['GET', '/x#/api/uploads', 'not_found'],
  ],
  'liveness and readiness are answered at the edge': [
    ['GET', '/livez', 'health'],
    ['HEAD', '/readyz?verbose', 'health'],
  ],
};

const decided = (...args: Parameters<typeof decide>) => {
  const decision = decide(...args);
  return decision.kind === 'rejected' ? `rejected: ${decision.reason}` : decision.kind;
};

for (const [sentence, rows] of Object.entries(cases)) {
  test(sentence, () => {
    for (const [method, target, decision] of rows) {
      assert.equal(decided(method, target), decision, `${method} ${target}`);
    }
  });
}

test('a preflight is answered here exactly when the requested method is ours', () => {
  assert.equal(decided('OPTIONS', '/api/uploads', 'POST'), 'preflight');
  assert.equal(decided('OPTIONS', '/api/uploads', 'PUT'), 'proxy');
  assert.equal(decided('OPTIONS', '/api/products/1/reviews', 'GET'), 'preflight');
  assert.equal(decided('OPTIONS', '/api/products', 'GET'), 'proxy');
  assert.equal(decided('OPTIONS', '/apix', 'GET'), 'not_found');
});

test('the decision names the route and its decoded parameters', () => {
  const decision = decide('GET', '/api/products/%D0%B0%31/reviews?x=1');
  assert.equal(decision.kind, 'local');
  assert.equal(decision.route.path, '/api/products/:productId/reviews');
  assert.deepEqual(decision.params, { productId: 'а1' });
});

test('a parameter that is not percent-encoded UTF-8 is refused, unless the backend answers the method', () => {
  assert.equal(decided('GET', '/api/products/%ff/reviews'), 'rejected: undecodable');
  assert.equal(decided('GET', '/api/products/%/reviews'), 'rejected: undecodable');
  assert.equal(decided('DELETE', '/api/products/%/reviews'), 'proxy');
});

const uploads = createRouting([
  { method: 'GET', path: '/api/uploads/limits' },
  { method: 'GET', path: '/api/uploads/:id' },
  { method: 'DELETE', path: '/api/uploads/:id' },
  { method: 'POST', path: '/api/uploads/:id/url' },
]);

test('a pattern may end in a parameter', () => {
  const decision = uploads('DELETE', '/api/uploads/17');
  assert.deepEqual(decision.kind === 'local' && decision.params, { id: '17' });
  assert.equal(uploads('GET', '/api/uploads/').kind, 'proxy');
  assert.equal(uploads('PUT', '/api/uploads/17').kind, 'proxy');
  assert.equal(uploads('GET', '/api/uploads/17/18').kind, 'proxy');
  assert.equal(uploads('GET', '/api/%75ploads/17').kind, 'rejected');
});

test('a literal goes before a parameter, for the methods that it has', () => {
  const routeOf = (method: string) => {
    const decision = uploads(method, '/api/uploads/limits');
    return decision.kind === 'local' ? decision.route.path : decision.kind;
  };
  assert.equal(routeOf('GET'), '/api/uploads/limits');
  assert.equal(routeOf('DELETE'), '/api/uploads/:id');
});

test('a literal that leads nowhere gives way to a parameter', () => {
  const decision = uploads('POST', '/api/uploads/limits/url');
  assert.deepEqual(decision.kind === 'local' && decision.params, { id: 'limits' });
});

test('a path that is no pattern, and a route given twice, are mistakes that show at the start', () => {
  assert.throws(() => createRouting([{ method: 'GET', path: '/api/a*' }]), /not a path/);
  assert.throws(() => createRouting([{ method: 'GET', path: '/api/:id/' }]), /not a path/);
  assert.throws(
    () =>
      createRouting([
        { method: 'GET', path: '/api/:a' },
        { method: 'GET', path: '/api/:b' },
      ]),
    /two routes GET/,
  );
});
