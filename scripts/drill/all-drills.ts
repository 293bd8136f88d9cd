/** The drills in the order in which they run. */
import type { Drill } from './drill.ts';
import { backendRestart } from './drills/backend-restart.ts';
import { databaseRestart } from './drills/database-restart.ts';
import { hostDies } from './drills/host-dies.ts';
import { idleRace } from './drills/idle-race.ts';
import { overload } from './drills/overload.ts';
import { overloadCheap } from './drills/overload-cheap.ts';
import { overloadCpu } from './drills/overload-cpu.ts';
import { primaryDies, primaryDiesAsynchronous, primaryDiesBehindPgBouncer } from './drills/primary-dies.ts';
import { resetMidBody } from './drills/reset-mid-body.ts';
import { sighupUnderLoad } from './drills/sighup-under-load.ts';
import { sigtermUnderLoad } from './drills/sigterm-under-load.ts';
import { slowConnections } from './drills/slow-connections.ts';
import { slowReaders } from './drills/slow-readers.ts';
import { socketActivationRestart, socketActivationWorkers } from './drills/socket-activation-restart.ts';
import { stalledBackend } from './drills/stalled-backend.ts';
import { workerKilled } from './drills/worker-killed.ts';

export const ALL_DRILLS: readonly Drill[] = [
  backendRestart,
  idleRace,
  stalledBackend,
  resetMidBody,
  databaseRestart,
  hostDies,
  primaryDies,
  primaryDiesAsynchronous,
  primaryDiesBehindPgBouncer,
  sigtermUnderLoad,
  slowReaders,
  sighupUnderLoad,
  socketActivationRestart,
  socketActivationWorkers,
  workerKilled,
  overload,
  overloadCpu,
  overloadCheap,
  slowConnections,
];
