/** One of two hosts dies with all that runs on it, and comes back (docs/scaling.md). */
import { setTimeout as sleep } from 'node:timers/promises';
import { startTestDatabase } from '../../lab/database.ts';
import { until } from '../../lab/programs.ts';
import { untilMigrated } from '../../lab/until-migrated.ts';
import { type Drill, none, report, some, told } from '../drill.ts';
import { startLoad } from '../load.ts';
import { mixed } from '../requests.ts';
import { auditReviews, createReviewLoad, makeAuthors } from '../reviews.ts';
import {
  isAnswered,
  isFailed,
  isRefused,
  isWithin,
  longestRecoveryMs,
  type Outage,
  since,
} from '../sample.ts';
import { startTwoHosts } from '../two-hosts.ts';

const AUTHORS = 8;
const BEFORE_MS = 600;
const DOWN_MS = 600;
/** From the death until every client has noticed, ms. */
const NOTICE_MS = 500;

export const hostDies: Drill = {
  name: 'host-dies',
  summary: 'One of two hosts behind Nginx is killed, sidecar and backend, and comes back.',
  needs: ['nginx'],
  async run({ seconds, backend: kind }) {
    await using postgres = await startTestDatabase();
    await makeAuthors(postgres.url, AUTHORS);
    const env = { DATABASE_URL: postgres.url, MIGRATE_ON_START: 'true', REVIEWS_WRITES_PER_MINUTE: '0' };
    await using scene = await startTwoHosts(kind, env);
    await untilMigrated(postgres.url);
    const { port, hosts } = scene;
    const forwarding = startLoad({ port, clients: 12, everyMs: 50, next: mixed() });
    const reviewing = startLoad({ port, clients: AUTHORS, everyMs: 50, next: createReviewLoad().next });
    await until('reviews to be written', () => reviewing.samples.filter(isAnswered).length >= AUTHORS);
    const warmAt = performance.now();
    const deaths: Outage[] = [];
    for (let i = 0; i < Math.max(2, seconds / 3); i += 1) {
      const host = hosts[i % hosts.length];
      await sleep(BEFORE_MS);
      const downAt = performance.now();
      await host?.kill();
      deaths.push({ downAt, upAt: performance.now() + NOTICE_MS });
      await sleep(NOTICE_MS + DOWN_MS);
      await host?.restart();
      // Until Nginx asks it again.
      await sleep(2_500);
    }
    const samples = [...(await forwarding.stop()), ...(await reviewing.stop())];
    const reviews = samples.filter(({ label }) => label.endsWith('review') || label.endsWith('reviews'));
    const audit = await auditReviews(postgres.url, reviews);
    const underWay = samples.filter((sample) => isWithin(sample, deaths)).length;
    return report({
      samples,
      doubledPosts: scene.doubledPosts(),
      recoveryMs: longestRecoveryMs(samples, deaths),
      mayFail: underWay,
      figures: [
        told('requests under way until every client had noticed', underWay),
        none('requests failed at another time', samples.filter(isFailed), (s) => !isWithin(s, deaths)),
        none(
          'requests refused at another time',
          since(warmAt, samples).filter(isRefused),
          (s) => !isWithin(s, deaths),
        ),
        some('reviews requests answered', reviews.filter(isAnswered)),
        ...hosts.map(({ backend }) => some('requests at one backend', backend.arrivals().total)),
        none('acknowledged reviews lost', audit.lost),
        none('reviews doubled', audit.doubled),
        none('products with wrong stats', audit.wrongStats),
      ],
    });
  },
};
