/** The routes of reviews, for the API description. */
import type { RouteDescriptions } from '../../../edge/route-description.ts';
import { MODERATION } from './moderation.ts';
import { OWN } from './own.ts';
import { READING } from './reading.ts';
import { WRITING } from './writing.ts';

export const REVIEWS: RouteDescriptions = { ...READING, ...WRITING, ...OWN, ...MODERATION };
