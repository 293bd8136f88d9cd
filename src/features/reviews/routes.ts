/** The routes of reviews, folder by folder. */
import type { Route } from '../../edge/route.ts';
import type { LanguageOf } from '../../words/languages.ts';
import { awaitingRoutes } from './awaiting.ts';
import type { ReviewPages } from './list/pages.ts';
import { listRoutes } from './list/routes.ts';
import { moderationRoutes } from './moderation/routes.ts';
import { policyRoutes } from './policy/routes.ts';
import type { RewriteEvents } from './privacy/forget-events.ts';
import { privacyRoutes } from './privacy/routes.ts';
import type { ReviewEvents } from './review-events.ts';
import { sellerRoutes } from './seller.ts';
import { summaryRoutes } from './summary/routes.ts';
import { type WritingOptions, writingRoutes } from './writing.ts';

export interface ReviewRoutesOptions extends WritingOptions {
  readonly pages: ReviewPages;
  readonly events: ReviewEvents;
  readonly languageOf: LanguageOf;
  readonly rewriteEvents: RewriteEvents;
}

export function reviewRoutes(options: ReviewRoutesOptions): Route[] {
  return [
    ...listRoutes(options),
    ...summaryRoutes(options),
    ...writingRoutes(options),
    ...moderationRoutes(options),
    ...privacyRoutes(options),
    ...sellerRoutes(options),
    ...awaitingRoutes(options),
    ...policyRoutes(options.settings, options.languageOf),
  ];
}
