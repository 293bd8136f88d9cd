/** PostgreSQL dies, comes back, hangs, and goes on (docs/contract.md, 4; issue: a database that is down never stops the rest). */
import { setTimeout as sleep } from 'node:timers/promises';
import { startTestDatabase } from '../../lab/database.ts';
import { until } from '../../lab/programs.ts';
import { untilMigrated } from '../../lab/until-migrated.ts';
import { type Drill, none, report, some } from '../drill.ts';
import { startLoad } from '../load.ts';
import { mixed } from '../requests.ts';
import { auditReviews, createReviewLoad, makeAuthors } from '../reviews.ts';
import {
  isAnswered,
  isRefused,
  isWithin,
  longestMs,
  longestRecoveryMs,
  type Outage,
  since,
} from '../sample.ts';
import { startScene } from '../scene.ts';

const AUTHORS = 12;
const BEFORE_MS = 500;
const DOWN_MS = 400;
/** Contract, section 4: 503 within 5 s. */
const MOST_MS = 5_000;

export const databaseRestart: Drill = {
  name: 'database-restart',
  summary: 'PostgreSQL is killed and restarted, and frozen and thawed, under forwarded requests and reviews.',
  async run({ seconds, backend: kind }) {
    await using postgres = await startTestDatabase({ durable: true });
    await makeAuthors(postgres.url, AUTHORS);
    const env = { DATABASE_URL: postgres.url, MIGRATE_ON_START: 'true', REVIEWS_WRITES_PER_MINUTE: '0' };
    await using scene = await startScene({ kind }, env);
    const { port } = scene.sidecar;
    await untilMigrated(postgres.url);
    const forwarding = startLoad({ port, clients: 12, everyMs: 50, next: mixed() });
    const reviewing = startLoad({ port, clients: AUTHORS, everyMs: 50, next: createReviewLoad().next });
    await until('reviews to be written', () => reviewing.samples.filter(isAnswered).length >= AUTHORS);
    const warmAt = performance.now();
    const outages: Outage[] = [];
    const during = async (begin: () => unknown, ms: number, end: () => unknown) => {
      await sleep(BEFORE_MS);
      const downAt = performance.now();
      await begin();
      await sleep(ms);
      await end();
      outages.push({ downAt, upAt: performance.now() });
    };
    for (let i = 0; i < Math.max(1, seconds / 3); i += 1) {
      await during(postgres.kill, DOWN_MS, postgres.start);
      // Longer than the sidecar's own limit (4.5 s) in the long form, shorter in the short one.
      await during(postgres.freeze, seconds >= 10 ? MOST_MS : seconds * 300, postgres.thaw);
    }
    await sleep(BEFORE_MS);
    const forwarded = await forwarding.stop();
    const reviews = await reviewing.stop();
    const audit = await auditReviews(postgres.url, reviews);
    const refused = since(warmAt, reviews).filter(isRefused);
    return report({
      samples: [...forwarded, ...reviews],
      doubledPosts: scene.backend.arrivals().doubledPosts,
      recoveryMs: longestRecoveryMs(reviews, outages),
      figures: [
        none('forwarded requests refused', forwarded, isRefused),
        some('reviews requests answered', reviews.filter(isAnswered)),
        some('reviews requests refused while the database was down', refused),
        none('of these, with another status than 503', refused, ({ status }) => status !== 503),
        none('reviews requests refused while it was up', refused, (s) => !isWithin(s, outages)),
        { what: 'slowest refusal, ms', found: longestMs(refused), atMost: MOST_MS, isMeasured: true },
        none('acknowledged reviews lost', audit.lost),
        none('reviews doubled', audit.doubled),
        none('products with wrong stats', audit.wrongStats),
      ],
    });
  },
};
