/** The primary of a pair dies and its standby is promoted, under two sidecars (docs/scaling.md). */
import { setTimeout as sleep } from 'node:timers/promises';
import { startPgBouncer } from '../../lab/pgbouncer.ts';
import { type PostgresPair, startPostgresPair } from '../../lab/postgres-pair.ts';
import { until } from '../../lab/programs.ts';
import { untilMigrated } from '../../lab/until-migrated.ts';
import { type Drill, none, report, some, told } from '../drill.ts';
import { startLoad } from '../load.ts';
import { mixed } from '../requests.ts';
import { auditReviews, createReviewLoad, makeAuthors } from '../reviews.ts';
import { isAnswered, isRefused, isWithin, longestMs, longestRecoveryMs, since } from '../sample.ts';
import { startTwoHosts } from '../two-hosts.ts';

const AUTHORS = 12;
/** Answered before the fault, so that there is something to lose. */
const ENOUGH = 100;
const AFTER_MS = 1_000;
/** Contract, section 4: 503 within 5 s. */
const MOST_MS = 5_000;
/** PgBouncer asks a server that refused it again after server_login_retry, which is 1 s here. */
const POOLER_MS = 2_000;

interface Way {
  /** Whether a commit waits for the standby. */
  readonly isSynchronous: boolean;
  readonly throughPgBouncer: boolean;
}

export const primaryDies: Drill = {
  name: 'primary-dies',
  summary: 'The primary is killed under two sidecars and its synchronous standby promoted.',
  needs: ['nginx'],
  run: drillOf({ isSynchronous: true, throughPgBouncer: false }),
};

export const primaryDiesAsynchronous: Drill = {
  name: 'primary-dies-asynchronous',
  summary: 'The same with an asynchronous standby, which may lack the last commits.',
  needs: ['nginx'],
  run: drillOf({ isSynchronous: false, throughPgBouncer: false }),
};

export const primaryDiesBehindPgBouncer: Drill = {
  name: 'primary-dies-pgbouncer',
  summary: 'The primary dies behind PgBouncer, which is led to the promoted standby by a reload.',
  needs: ['nginx', 'pgbouncer'],
  run: drillOf({ isSynchronous: true, throughPgBouncer: true }),
};

function drillOf({ isSynchronous, throughPgBouncer }: Way): Drill['run'] {
  return async ({ seconds, backend: kind }) => {
    await using pair = await startPostgresPair({ isSynchronous });
    await makeAuthors(pair.primary.url, AUTHORS);
    await using way = throughPgBouncer ? await pooled(pair) : direct(pair);
    const env = { MIGRATE_ON_START: 'true', REVIEWS_WRITES_PER_MINUTE: '0' };
    const DATABASE_URL = `${way.url}?target_session_attrs=read-write`;
    await using scene = await startTwoHosts(kind, { ...env, DATABASE_URL });
    await untilMigrated(pair.primary.url);
    const { port } = scene;
    const forwarding = startLoad({ port, clients: 12, everyMs: 50, next: mixed() });
    const reviewing = startLoad({ port, clients: AUTHORS, everyMs: 25, next: createReviewLoad().next });
    await until('reviews to be written', () => reviewing.samples.filter(isAnswered).length >= ENOUGH);
    const downAt = performance.now();
    await pair.primary.kill();
    // What finds that a primary is dead takes seconds as well.
    await sleep(seconds * 300);
    await pair.promote();
    await way.follow();
    const promotedAt = performance.now();
    await sleep(AFTER_MS + way.settleMs);
    const forwarded = await forwarding.stop();
    const reviews = await reviewing.stop();
    const outages = [{ downAt, upAt: promotedAt + way.settleMs }];
    const audit = await auditReviews(pair.standby.url, reviews);
    const refused = since(downAt, reviews).filter(isRefused);
    return report({
      samples: [...forwarded, ...reviews],
      doubledPosts: scene.doubledPosts(),
      recoveryMs: longestRecoveryMs(reviews, [{ downAt, upAt: promotedAt }]),
      figures: [
        none('forwarded requests refused', forwarded, isRefused),
        some(
          'reviews requests answered before',
          reviews.filter((s) => isAnswered(s) && s.endedAt < downAt),
        ),
        some(
          'reviews requests answered after',
          reviews.filter((s) => isAnswered(s) && s.endedAt > promotedAt),
        ),
        // PgBouncer may hold them all until the standby answers.
        (throughPgBouncer ? told : some)('reviews requests refused meanwhile', refused),
        none('of these, with another status than 503', refused, ({ status }) => status !== 503),
        none('reviews requests refused at another time', refused, (sample) => !isWithin(sample, outages)),
        { what: 'slowest refusal, ms', found: longestMs(refused), atMost: MOST_MS, isMeasured: true },
        (isSynchronous ? none : told)('acknowledged reviews lost', audit.lost),
        none('reviews doubled', audit.doubled),
        none('products with wrong stats', audit.wrongStats),
      ],
    });
  };
}

/** What an attempt to connect may take, that of the sidecar with all hosts together. */
const CONNECT_MS = 2_500;

/** Both hosts are in the URL: nothing has to be told. An attempt to connect that began before may still fail a request. */
const direct = (pair: PostgresPair) => ({
  url: pair.url,
  settleMs: CONNECT_MS,
  follow: async () => undefined,
  [Symbol.asyncDispose]: async () => undefined,
});

async function pooled(pair: PostgresPair) {
  const pooler = await startPgBouncer(pair.primary, 'server_login_retry = 1');
  return {
    url: pooler.through(pair.primary.url),
    settleMs: POOLER_MS,
    follow: async () => pooler.lead(pair.standby.port),
    [Symbol.asyncDispose]: () => pooler.stop(),
  };
}
