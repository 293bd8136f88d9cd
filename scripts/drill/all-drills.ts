/** The drills in the order in which they run. */
import type { Drill } from './drill.ts';
import { backendRestart } from './drills/backend-restart.ts';
import { idleRace } from './drills/idle-race.ts';
import { resetMidBody } from './drills/reset-mid-body.ts';
import { stalledBackend } from './drills/stalled-backend.ts';

export const ALL_DRILLS: readonly Drill[] = [backendRestart, idleRace, stalledBackend, resetMidBody];
