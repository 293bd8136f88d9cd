/**
 * The workloads by the names of the command line.
 */
import { bulk } from './bulk.ts';
import { developmentConsole } from './console.ts';
import { dueUploads } from './due-uploads.ts';
import { oneConnection } from './one-connection.ts';
import { reviews } from './reviews.ts';
import { routes } from './routes.ts';
import { crowds, logAndMetrics, refusals, smallGets, smallPosts } from './small-requests.ts';
import { startup } from './startup.ts';
import { uploads } from './uploads.ts';
import { idleWebSockets, webSocketEcho } from './websockets.ts';
import type { Workload } from './workload.ts';

export const workloads = {
  GET: smallGets,
  log: logAndMetrics,
  POST: smallPosts,
  refusal: refusals,
  crowd: crowds,
  routes,
  latency: oneConnection,
  bulk,
  websocket: webSocketEcho,
  idle: idleWebSockets,
  startup,
  uploads,
  due: dueUploads,
  reviews,
  console: developmentConsole,
} as const satisfies Record<string, Workload>;
