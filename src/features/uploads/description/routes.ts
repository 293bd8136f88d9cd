/** The routes of uploads, for the API description. */
import type { RouteDescriptions } from '../../../edge/route-description.ts';
import { KEEPING } from './keeping.ts';
import { SENDING } from './sending.ts';

export const UPLOADS: RouteDescriptions = { ...SENDING, ...KEEPING };
