/** What people do to reviews, put together: their own, votes, reports, replies. */
import type { NamedUser, RequireUser } from '../../edge/auth.ts';
import type { Route } from '../../edge/route.ts';
import type { Database } from '../../infra/postgres/database.ts';
import type { RunForUser } from '../../infra/user-directory.ts';
import { meRoutes } from './me/routes.ts';
import { replyRoutes } from './reply/routes.ts';
import { reportRoutes } from './reports/routes.ts';
import type { EventSink } from './review-events.ts';
import type { Summaries } from './summary/summaries.ts';
import type { ReviewViews } from './view.ts';
import { voteRoutes } from './votes/routes.ts';
import { createBlockedWords } from './write/blocked-words.ts';
import type { ReadyOf } from './write/media.ts';
import type { ModerationSetting } from './write/moderation-setting.ts';
import { createPerform, createPerformAsNamed, type Perform, type PerformAsNamed } from './write/perform.ts';
import { writeRoutes } from './write/routes.ts';

export interface WritingOptions {
  readonly database: Database;
  readonly views: ReviewViews;
  readonly summaries: Summaries;
  readonly sink: EventSink;
  readonly requireUser: RequireUser;
  readonly namedUser: NamedUser;
  readonly runForUser: RunForUser;
  /** undefined: there are no uploads in this installation. */
  readonly readyOf: ReadyOf | undefined;
  readonly settings: ReviewSettings;
  readonly moderation: ModerationSetting;
}

export interface ReviewSettings {
  /** Only those may review who have bought the product and got it. */
  readonly requirePurchase: boolean;
  readonly moderation: 'post' | 'pre';
  /** Reports, by different buyers of the product, that hold a review; 0: none do. */
  readonly holdAfterReports: number;
  readonly blockedWords: readonly string[];
  /** Of one user in any 60 s; 0: no limit. */
  readonly writesPerMinute: number;
  readonly votesPerMinute: number;
}

export function writingRoutes({ settings, moderation, ...options }: WritingOptions): Route[] {
  const run = createPerform(options);
  const perform: Perform = (...given) => {
    moderation.start();
    return run(...given);
  };
  const runAsNamed = createPerformAsNamed(options, options.runForUser);
  const performAsNamed: PerformAsNamed = (...given) => {
    moderation.start();
    return runAsNamed(...given);
  };
  const given = {
    ...options,
    ...settings,
    perform,
    performAsNamed,
    hasBlockedWord: settings.blockedWords.length > 0 ? createBlockedWords(settings.blockedWords) : undefined,
  };
  return [
    ...writeRoutes(given),
    ...meRoutes(given),
    ...voteRoutes(given),
    ...reportRoutes(given),
    ...replyRoutes(given),
  ];
}
