import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createOwnership, type Owner } from '../../src/edge/ownership.ts';

const ownership = createOwnership([
  { method: 'POST', path: '/api/uploads' },
  { method: 'GET', path: '/api/products/:productId/reviews' },
  { method: 'HEAD', path: '/api/products/:productId/reviews' },
  { method: 'POST', path: '/api/products/:productId/reviews' },
]);

const cases: Record<string, readonly [method: string, target: string, owner: Owner][]> = {
  'our routes are ours, with any query': [
    ['POST', '/api/uploads', 'ours'],
    ['POST', '/api/uploads?x=1', 'ours'],
    ['GET', '/api/products/1/reviews', 'ours'],
    ['HEAD', '/api/products/1/reviews?limit=2&cursor=/../', 'ours'],
    ['POST', '/api/products/abc/reviews', 'ours'],
  ],
  'the id segment may be percent-encoded': [['GET', '/api/products/%31/reviews', 'ours']],
  'other methods on our paths are the backend’s': [
    ['GET', '/api/uploads', 'forward'],
    ['PATCH', '/api/products/1/reviews', 'forward'],
    ['DELETE', '/api/products/%31/reviews', 'forward'],
    ['OPTIONS', '/api/uploads', 'forward'],
  ],
  'paths that only look alike are the backend’s': [
    ['POST', '/api/uploads/', 'forward'],
    ['POST', '/api//uploads', 'forward'],
    ['POST', '/api/Uploads', 'forward'],
    ['GET', '/api/reviews', 'forward'],
    ['POST', '/api/reviews/3', 'forward'],
    ['POST', '/api/upload/video', 'forward'],
    ['GET', '/api/products/1', 'forward'],
    ['GET', '/api/products//reviews', 'forward'],
    ['GET', '/api/products/1/reviews/', 'forward'],
    ['GET', '/api/products/1/reviews/2', 'forward'],
    ['POST', '/api/products/1/likes', 'forward'],
    ['GET', '/api', 'forward'],
    ['GET', '/ws/chat/1', 'forward'],
    ['GET', '/healthz', 'forward'],
  ],
  'a broken percent sign is forwarded as it is': [
    ['GET', '/api/%', 'forward'],
    ['GET', '/api/%zz/x', 'forward'],
    ['GET', '/api/100%/reviews', 'forward'],
  ],
  'harmless encodings and dots are forwarded as they are': [
    ['GET', '/api/search/%D0%BA%D0%BE%D1%82', 'forward'],
    ['GET', '/api/files/.hidden', 'forward'],
    ['GET', '/api/x/../products', 'forward'],
    ['POST', '/api/%2575ploads', 'forward'],
    ['POST', '/api//%75ploads', 'forward'],
  ],
  'a path that becomes ours when decoded is refused, whatever the method': [
    ['POST', '/api/%75ploads', 'ambiguous'],
    ['GET', '/api/%75ploads', 'ambiguous'],
    ['OPTIONS', '/api/%75ploads', 'ambiguous'],
    ['GET', '/api/products/1%2Freviews', 'ambiguous'],
    ['DELETE', '/api/products/1%2freviews', 'ambiguous'],
    ['GET', '/api/products/1/%72eviews', 'ambiguous'],
    ['POST', '/%61pi/uploads', 'ambiguous'],
    ['POST', '/api%2Fuploads', 'ambiguous'],
  ],
  'a path that becomes ours when its dot segments are removed is refused': [
    ['POST', '/api/x/../uploads', 'ambiguous'],
    ['POST', '/api/./uploads', 'ambiguous'],
    ['POST', '/api/uploads/.', 'ambiguous'],
    ['POST', '/api/uploads/x/..', 'ambiguous'],
    ['POST', '/api/%2e/uploads', 'ambiguous'],
    ['POST', '/api/x/%2E%2e/uploads', 'ambiguous'],
    ['POST', '/x/../api/uploads', 'ambiguous'],
    ['GET', '/ws/../api/products/1/reviews', 'ambiguous'],
  ],
  'a fragment, which some readers cut off, is refused where it matters': [
    ['GET', '/api/x#y', 'ambiguous'],
    ['GET', '/api/x?y#z', 'ambiguous'],
    ['POST', '/api/uploads#', 'ambiguous'],
    ['GET', '/livez#x', 'ambiguous'],
  ],
  'a slash or a dot segment hidden in the id is refused': [
    ['GET', '/api/products/1%2F2/reviews', 'ambiguous'],
    ['GET', '/api/products/%2e%2e/reviews', 'ambiguous'],
    ['POST', '/api/products/../reviews', 'ambiguous'],
  ],
  'dot segments that lead out of the forwarded prefixes are refused': [
    ['GET', '/api/../admin', 'escaping'],
    ['GET', '/api/%2e%2e/admin', 'escaping'],
    ['GET', '/ws/../..', 'escaping'],
    ['GET', '/api/..%2fadmin', 'escaping'],
  ],
  'everything else is nobody’s': [
    ['GET', '/', 'nobody'],
    ['GET', '/apix', 'nobody'],
    ['OPTIONS', '/apix', 'nobody'],
    ['POST', '/API/uploads', 'nobody'],
    ['GET', '/wsx', 'nobody'],
    ['GET', '/healthz/', 'nobody'],
    ['GET', '/%61pi/products', 'nobody'],
    ['POST', '/livez', 'nobody'],
    ['GET', '/metrics', 'nobody'],
    ['GET', '//api/products', 'nobody'],
    ['POST', '//api/uploads', 'nobody'],
    ['GET', '//evil.example.com/api/x', 'nobody'],
    ['GET', '//..//api/x', 'nobody'],
    ['GET', '//', 'nobody'],
    ['GET', '/x#/api/uploads', 'nobody'],
  ],
  'liveness and readiness are answered at the edge': [
    ['GET', '/livez', 'health'],
    ['HEAD', '/readyz?verbose', 'health'],
  ],
};

for (const [sentence, rows] of Object.entries(cases)) {
  test(sentence, () => {
    for (const [method, target, owner] of rows) {
      assert.equal(ownership.whose(method, target), owner, `${method} ${target}`);
    }
  });
}

test('a preflight is ours exactly when the requested method is ours', () => {
  assert.equal(ownership.whose('OPTIONS', '/api/uploads', 'POST'), 'preflight');
  assert.equal(ownership.whose('OPTIONS', '/api/uploads', 'PUT'), 'forward');
  assert.equal(ownership.whose('OPTIONS', '/api/products/1/reviews', 'GET'), 'preflight');
  assert.equal(ownership.whose('OPTIONS', '/api/products', 'GET'), 'forward');
  assert.equal(ownership.whose('OPTIONS', '/apix', 'GET'), 'nobody');
});

test('names the pattern, never the path', () => {
  assert.equal(ownership.routeOf('/api/products/77/reviews?x=1'), '/api/products/:productId/reviews');
  assert.equal(ownership.routeOf('/api/products/77'), undefined);
});
