/**
 * GET /api/product-reviews/policy: how reviews are made here, in sentences for customers, from the settings in force. The law
 * asks for it: whether and how the shop ensures that reviews come from buyers (Directive 2005/29/EC, Art. 7(6) and Annex I,
 * 23b and 23c, as amended by Directive (EU) 2019/2161, Art. 3), whether all of them are shown (16 CFR 465.7), and what decides
 * their order (Directive 2011/83/EU, Art. 6a).
 */
import type { RequestHandler } from 'express';
import type { Config } from '../../../config/config.ts';
import type { Language } from '../../../config/settings.ts';
import type { Route } from '../../../edge/route.ts';
import type { LanguageOf } from '../../../words/languages.ts';
import { en } from './en.ts';
import { ru } from './ru.ts';
import { uz } from './uz.ts';
import type { PolicyWords } from './words.ts';

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

const WORDS: Readonly<Record<Language, PolicyWords>> = { en, ru, uz };

export function policyRoutes(settings: PolicySettings, languageOf: LanguageOf): Route[] {
  /** Public; the same for everybody who reads the language, until the settings change. */
  const handler: RequestHandler = async (req, res) => {
    const policy = policyOf(settings, languageOf(req.headers['accept-language']));
    res.vary('Accept-Language').set('Cache-Control', 'public, max-age=300').json(policy);
  };
  return [{ method: 'GET', path: '/api/product-reviews/policy', handler }];
}

/** Pure. */
export function policyOf(settings: PolicySettings, language: Language): Policy {
  const { order, scoring, incentives, ...words } = WORDS[language];
  const { holdAfterReports } = settings;
  return {
    verification: sentences(
      settings.requirePurchase ? words.buyersOnly : words.everybody,
      words.verifiedMark,
      !settings.requirePurchase && words.notChecked,
      words.whoElse,
    ),
    moderation: sentences(
      settings.moderation === 'pre' ? words.readBefore : words.shownAtOnce,
      settings.blockedWords.length > 0 && words.blockedWords,
      holdAfterReports > 0 && words.reported(holdAfterReports),
      words.reasons,
      words.appeal,
    ),
    ...{ order, scoring, incentives },
  };
}

const sentences = (...parts: (string | false)[]) => parts.filter((part) => part !== false).join(' ');
