/** What the edge answers itself, for the API description. */
import { z } from 'zod';
import type { RouteDescription, RouteDescriptions } from './route-description.ts';

const check = z.enum(['ok', 'down', 'not configured']);
const liveness = z.object({ status: z.literal('ok') }).meta({ id: 'Liveness' });
const readiness = z
  .object({
    status: z.enum(['ok', 'unavailable', 'stopping']),
    checks: z.object({ backend: check, database: check, storage: check }),
  })
  .meta({ id: 'Readiness' });

const NO_STORE = 'no-store';
const ALL_OK = { backend: 'ok', database: 'ok', storage: 'not configured' };

const live: RouteDescription = {
  operationId: 'checkLiveness',
  tag: 'Health',
  summary: 'Does the process listen?',
  access: 'public',
  answers: {
    200: { description: 'It does.', schema: liveness, examples: { ok: { status: 'ok' } }, caching: NO_STORE },
  },
};

const ready: RouteDescription = {
  operationId: 'checkReadiness',
  tag: 'Health',
  summary: 'Do the backend, the database and the storage answer?',
  description: 'What is not configured counts as ready. The answer is kept for a second.',
  access: 'public',
  answers: {
    200: {
      description: 'They do.',
      schema: readiness,
      examples: { ok: { status: 'ok', checks: ALL_OK } },
      caching: NO_STORE,
    },
    503: {
      description: 'Some do not, or the process is about to stop.',
      schema: readiness,
      examples: { no_database: { status: 'unavailable', checks: { ...ALL_OK, database: 'down' } } },
      caching: NO_STORE,
    },
  },
};

export const HEALTH: RouteDescriptions = {
  'GET /livez': live,
  'HEAD /livez': { ...live, operationId: 'headLiveness' },
  'GET /readyz': ready,
  'HEAD /readyz': { ...ready, operationId: 'headReadiness' },
};
