import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRetryAfter, retryDelaySeconds } from '../../../src/features/events/retry.ts';

test('a Retry-After never shortens a delay, and adds no attempt', () => {
  assert.equal(retryDelaySeconds(5, 10), 3_600);
  assert.equal(retryDelaySeconds(1, 60), 60);
  assert.equal(retryDelaySeconds(10, 60), null);
});

test('Retry-After is seconds or a date; anything else is as if it were not there', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  assert.equal(parseRetryAfter('120', now), 120);
  assert.equal(parseRetryAfter('Thu, 01 Jan 2026 00:02:00 GMT', now), 120);
  for (const value of [
    undefined,
    '',
    'soon',
    '-5',
    '1e9',
    'Thu, 01 Jan 2025 00:00:00 GMT',
    '9'.repeat(400),
  ]) {
    assert.equal(parseRetryAfter(value, now), 0, value);
  }
});
