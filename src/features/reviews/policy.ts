/**
 * GET /api/product-reviews/policy: how reviews are made here, in sentences for customers, from the settings in force. The law
 * asks for it: whether and how the shop ensures that reviews come from buyers (Directive 2005/29/EC, Art. 7(6) and Annex I,
 * 23b and 23c, as amended by Directive (EU) 2019/2161, Art. 3), whether all of them are shown (16 CFR 465.7), and what decides
 * their order (Directive 2011/83/EU, Art. 6a).
 */
import type { RequestHandler } from 'express';
import type { Config } from '../../config/config.ts';
import type { Route } from '../../edge/route.ts';

export interface Policy {
  readonly verification: string;
  readonly moderation: string;
  readonly order: string;
  readonly scoring: string;
  readonly incentives: string;
}

export type PolicySettings = Pick<
  Config['reviews'],
  'requirePurchase' | 'moderation' | 'holdAfterReports' | 'blockedWords'
>;

export function policyRoutes(settings: PolicySettings): Route[] {
  const policy = policyOf(settings);
  /** Public; the same for everybody until the settings change. */
  const handler: RequestHandler = async (_req, res) => {
    res.set('Cache-Control', 'public, max-age=300').json(policy);
  };
  return [{ method: 'GET', path: '/api/product-reviews/policy', handler }];
}

/** Pure. */
export function policyOf(settings: PolicySettings): Policy {
  return {
    verification: sentences(
      settings.requirePurchase
        ? 'Only customers who have bought a product here, and whose order was delivered, can review it.'
        : 'Every registered customer can review a product, whether or not it was bought here.',
      'A review is marked as a verified purchase when, at the time it was written or last edited, our own records showed a delivered order of this product by its author; nobody can set the mark.',
      !settings.requirePurchase &&
        'Of a review without this mark we have not checked that its author has used or bought the product.',
      'Sellers cannot review their own products, and each customer has one review per product.',
    ),
    moderation: sentences(
      settings.moderation === 'pre'
        ? 'Every review, and every edit of one, is read by a moderator before it is shown.'
        : 'Reviews are shown at once, without being read beforehand; moderators look at them afterwards, when they are reported or otherwise noticed.',
      settings.blockedWords.length > 0 &&
        'A review that contains a word on our list of blocked words is held back until a moderator has read it.',
      settings.holdAfterReports > 0 &&
        `A review that ${count(settings.holdAfterReports, 'buyer')} of the product ${settings.holdAfterReports === 1 ? 'has' : 'have'} reported is held back until a moderator has read it; reports by its seller do not count.`,
      'A review is kept back only as spam, offensive, off topic, fake, a breach of privacy, for a legal reason, or for another reason that is not its rating: positive and negative reviews are treated alike, and all that are published are shown.',
      'The author of a hidden review can appeal once.',
    ),
    order:
      'The newest reviews come first. Readers can choose the oldest, the highest or lowest rating, or those that most readers found helpful, and can filter by rating, verified purchase, and pictures or videos. Nobody pays for a place.',
    scoring:
      'The average is the mean of all published ratings of a product, 1 to 5 stars, each review counting the same, rounded to two decimals. The score by which products can be compared is (10 × m + the sum of the ratings) ÷ (10 + their number), m being the mean of all published ratings of all products: a few ratings move it less than many.',
    incentives:
      'A review is marked as incentivized when its author is known to have got something in return for it. Nothing may be given on the condition that a review is positive or negative.',
  };
}

const sentences = (...parts: (string | false)[]) => parts.filter((part) => part !== false).join(' ');
const count = (n: number, what: string) => `${n} ${what}${n === 1 ? '' : 's'}`;
