/**
 * The composition root: every part is made here once and handed what it needs. Reads like the picture in
 * docs/architecture.md.
 */
import cluster from 'node:cluster';
import type { Config } from './config/config.ts';
import { createLanguageOf } from './edge/accept-language.ts';
import { createAccessLog } from './edge/access-log.ts';
import { createApp } from './edge/app.ts';
import { createNamedUser, createRequireUser } from './edge/auth.ts';
import { createRejections } from './edge/client-errors.ts';
import { finishConnections, stopAccepting } from './edge/drain.ts';
import { createErrorResponder, createSocketErrorResponder } from './edge/error-response.ts';
import { createHealth } from './edge/health.ts';
import { createLocalRoutes } from './edge/local-routes.ts';
import { createOverloadWatch } from './edge/overload.ts';
import type { LocalRoute } from './edge/route-table.ts';
import { createRouting } from './edge/routing.ts';
import { createHttpServer, listen } from './edge/server.ts';
import { createTrustedProxies } from './edge/trusted-proxies.ts';
import { createUpgradeHandler } from './edge/upgrade.ts';
import { createEventDelivery } from './features/events/delivery.ts';
import { createOutbox } from './features/events/outbox.ts';
import { rewriteEvents } from './features/events/rewrite.ts';
import { createSend } from './features/events/send.ts';
import { createEventWriter } from './features/events/writer.ts';
import { createReviewPages } from './features/reviews/list/pages.ts';
import { createReviewEvents } from './features/reviews/review-events.ts';
import { reviewRoutes } from './features/reviews/routes.ts';
import { createSummaries } from './features/reviews/summary/summaries.ts';
import { createReviewViews } from './features/reviews/view.ts';
import { createModerationSetting } from './features/reviews/write/moderation-setting.ts';
import { createUploadCounts } from './features/uploads/figures.ts';
import { uploadRoutes } from './features/uploads/routes.ts';
import { createUploadPass, createUploads } from './features/uploads/service.ts';
import { createHttpForwarder } from './forward/http.ts';
import { createHttp1Client } from './forward/http1/client.ts';
import { pingBackend } from './forward/ping.ts';
import { withSecondLook } from './forward/second-look.ts';
import { createWebSocketForwarder } from './forward/websocket.ts';
import type { Log } from './infra/logger.ts';
import { createMetrics, type Metrics, serveMetrics } from './infra/metrics.ts';
import { createObjectStorage } from './infra/object-storage/object-storage.ts';
import { createStorageClock } from './infra/object-storage/storage-clock.ts';
import { createDatabase } from './infra/postgres/database.ts';
import { createDatabaseReadiness } from './infra/postgres/readiness.ts';
import { startMigrations } from './infra/postgres/start-migrations.ts';
import { createUserDirectory } from './infra/user-directory.ts';
import { reportToPrimary } from './infra/worker-metrics.ts';
import { schema } from './schema.ts';
import { createUploadUsage } from './upload-usage.ts';

export interface Sidecar {
  /** What it serves itself. */
  readonly routes: readonly LocalRoute[];
  /**
   * Listens; resolves with the port, null on a unix socket that was passed. Nothing behind it needs to be up.
   * @throws when the port is taken
   */
  start(passed?: { readonly fd: number }): Promise<{ readonly port: number | null }>;
  /** Forwarded requests that wait for an answer at the moment. */
  waiting(): number;
  /** Takes no more connections; the open ones go on. */
  stopAccepting(): void;
  /** Finishes what is under way within the grace time, closes everything; resolves when done. */
  stop(): Promise<void>;
}

const BACKEND_CONNECT_TIMEOUT_MS = 3_000;
/** uvicorn closes idle connections after 5 s; a request must not meet that moment. */
const BACKEND_IDLE_TIMEOUT_MS = 4_000;
const BACKEND_MAX_HEADER_BYTES = 64 * 1024;
const WEBSOCKET_HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * Makes one sidecar process's worth of parts. Nothing listens, connects or runs before `start()`.
 * @param unhandledRejections how many the process has seen, for the metrics
 */
export function createSidecar(config: Config, log: Log, unhandledRejections = () => 0): Sidecar {
  const languageOf = createLanguageOf(config.detailLanguage);
  const database = createDatabase(config.database, { poolMax: config.databasePoolMax });
  const storage = config.storage && createObjectStorage(config.storage, createStorageClock(log), log);
  const users = createUserDirectory(database);
  const requireUser = createRequireUser({ token: config.token, findUser: users.find });
  const eventWriter = createEventWriter(config.webhook !== null);
  const views = createReviewViews(database, config.storage?.publicBaseUrl ?? null);
  const summaries = createSummaries(database);
  const pages = createReviewPages({ database, views, summaries });
  const usage = createUploadUsage({
    publicBaseUrl: config.storage?.publicBaseUrl ?? null,
    sink: eventWriter,
  });
  const counts = createUploadCounts();
  const uploads =
    storage &&
    createUploads({
      ...{ database, storage, sink: eventWriter, usage, counts, runForUser: users.runFor },
      ...{ limits: config.uploads, ...config.uploads },
    });
  const moderation = createModerationSetting(database, config.reviews.moderation);
  const namedUser = createNamedUser(config.token);
  const routes = [
    ...uploadRoutes({ uploads, requireUser, namedUser }),
    ...reviewRoutes({
      ...{ pages, summaries, requireUser, namedUser, runForUser: users.runFor, database, views },
      ...{ sink: eventWriter, events: createReviewEvents(eventWriter), rewriteEvents },
      moderation,
      ...{ settings: config.reviews, languageOf, readyOf: uploads?.readyOf },
    }),
  ];

  const backend = createHttp1Client({
    backend: config.backend,
    connectTimeoutMs: BACKEND_CONNECT_TIMEOUT_MS,
    headersTimeoutMs: config.backendHeadersTimeoutMs,
    bodyTimeoutMs: config.backendBodyTimeoutMs,
    idleTimeoutMs: BACKEND_IDLE_TIMEOUT_MS,
    maxHeaderBytes: BACKEND_MAX_HEADER_BYTES,
  });
  const counters = { inFlight: 0, retries: 0, aborted: 0, truncated: 0 };
  const isFull = () => counters.inFlight >= config.maxInFlight;
  const decide = createRouting(routes);
  const isTrustedPeer = createTrustedProxies(config.trustedProxies, () => listening.isOnUnixSocket());
  let metrics: Metrics | undefined;
  const accessLog = createAccessLog(log, (finished) => metrics?.observe(finished));
  const sendError = createErrorResponder({ cors: config.corsAllowOrigins, log, languageOf });
  const endWithError = createSocketErrorResponder(log, languageOf);
  const health = createHealth({
    backend: () => pingBackend(backend),
    database: createDatabaseReadiness({
      ...{ database, schema, log },
      probe: async (options) => {
        await pages.probe(options);
        await users.probe(options);
      },
    }),
    storage: storage && (() => storage.ping()),
  });
  const webSockets = createWebSocketForwarder({
    backend: config.backend,
    connectTimeoutMs: BACKEND_CONNECT_TIMEOUT_MS,
    handshakeTimeoutMs: Math.min(WEBSOCKET_HANDSHAKE_TIMEOUT_MS, config.backendHeadersTimeoutMs),
    endWithError: (socket, error, { requestId, target, acceptLanguage }) =>
      endWithError(socket, error, { id: requestId, method: 'GET', target }, acceptLanguage),
    onFinished: ({ target, requestId, status, durationMs }) =>
      accessLog.upgradeClosed(target, requestId, status, durationMs),
  });
  let ended: Promise<void> | undefined;
  const isDraining = () => ended !== undefined;
  const overload = createOverloadWatch(config.maxEventLoopDelayMs);
  const rejections = createRejections({ accessLog, sendError, endWithError });
  const upgrades = createUpgradeHandler({
    decide,
    isTrustedPeer,
    webSockets,
    isOverloaded: overload.isOverloaded,
    isDraining,
    reject: rejections.rejectSocket,
  });
  const listening = createHttpServer({
    handleRequest: createApp({
      decide,
      localRoutes: createLocalRoutes({ cors: config.corsAllowOrigins, sendError }),
      forward: withSecondLook(createHttpForwarder({ client: backend, isFull, sendError, counters }), isFull),
      health,
      accessLog,
      sendError,
      cors: config.corsAllowOrigins,
      isTrustedPeer,
      isDraining,
      isOverloaded: overload.isOverloaded,
    }),
    isUpgrade: upgrades.isUpgrade,
    handleUpgrade: upgrades.handle,
    ...rejections,
    maxConnections: config.maxConnections,
    bodySilenceMs: config.clientBodyTimeoutMs,
  });
  // A connection of its own: neither do requests wait for events, nor events for requests.
  const eventsDatabase = config.webhook && createDatabase(config.database, { poolMax: 1 });
  const events =
    config.webhook &&
    eventsDatabase &&
    createEventDelivery({
      outbox: createOutbox(eventsDatabase),
      send: createSend(config.webhook),
      log,
      counts: config.metricsPort !== null,
    });
  const passDatabase = storage && createDatabase(config.database, { poolMax: 2 });
  const uploadPass =
    storage &&
    passDatabase &&
    createUploadPass({
      ...{ database: passDatabase, storage, sink: eventWriter, usage, counts, log },
      looksAtDue: config.metricsPort !== null,
    });
  let migrations: { stop(): Promise<void> } | undefined;

  async function startMetrics(port: number): Promise<Metrics> {
    const made = createMetrics({
      inFlight: () => counters.inFlight,
      retries: () => counters.retries,
      aborted: () => counters.aborted,
      truncated: () => counters.truncated,
      webSockets: () => webSockets.count(),
      backendConnections: () => backend.connections(),
      databasePool: () => database.pool(),
      unhandledRejections,
      events: events && (() => events.figures()),
      uploads: uploadPass && (() => ({ ...counts, ...uploadPass.due() })),
    });
    if (cluster.isWorker) reportMetrics = reportToPrimary(made.registry);
    else metricsServer = await serveMetrics(port, async () => made.registry().metrics());
    return made;
  }
  let metricsServer: { close(): void } | undefined;
  let reportMetrics: (() => Promise<void>) | undefined;

  return {
    routes,
    async start(passed) {
      overload.start();
      await listen(listening.server, config.port, config.host, passed);
      if (config.metricsPort !== null) metrics = await startMetrics(config.metricsPort);
      if (config.migrateOnStart) migrations = startMigrations(config.database, schema, log);
      // Without either the first write is soon enough, and a start does not load Knex.
      if (config.migrateOnStart || config.reviews.moderation === 'pre') moderation.start();
      events?.start();
      uploadPass?.start();
      const address = listening.server.address();
      return { port: address !== null && typeof address === 'object' ? address.port : null };
    },
    waiting: () => counters.inFlight,
    stopAccepting() {
      ended ??= stopAccepting(listening);
    },
    async stop() {
      ended ??= stopAccepting(listening);
      overload.stop();
      moderation.stop();
      health.drain();
      webSockets.endAll();
      metricsServer?.close();
      const passStopped = uploadPass?.stop(config.shutdownGraceMs);
      const eventsStopped = events?.stop(config.shutdownGraceMs);
      await finishConnections(listening, ended, config.shutdownGraceMs);
      await Promise.all([eventsStopped, passStopped]);
      await migrations?.stop();
      const databases = [database, eventsDatabase, passDatabase].map((one) => one?.close());
      await Promise.all([backend.close(), ...databases, storage?.close()]);
      await reportMetrics?.();
    },
  };
}
