/** What each language needs words for, to say the policy in. Several sentences of a part are joined by spaces. */
export interface PolicyWords {
  readonly buyersOnly: string;
  readonly everybody: string;
  readonly verifiedMark: string;
  readonly notChecked: string;
  readonly whoElse: string;
  readonly readBefore: string;
  readonly shownAtOnce: string;
  readonly blockedWords: string;
  /** @param buyers whose reports hold a review, at least 1 */
  readonly reported: (buyers: number) => string;
  readonly reasons: string;
  readonly appeal: string;
  readonly order: string;
  readonly scoring: string;
  readonly incentives: string;
}
