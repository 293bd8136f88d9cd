/**
 * Prometheus metrics. Labels are few and bounded: kind, reason, method, status class and our own route patterns; never a raw
 * path, which anybody could make endless.
 */
import type { Server } from 'node:http';
import type { Metric, Registry } from 'prom-client';
import { loadPackage } from '../load-package.ts';
import { http } from '../node-http.ts';
import { type ObservedRequest, RequestHistogram } from './request-histogram.ts';

/** Read when somebody scrapes; costs nothing per request. */
export interface Readings {
  readonly inFlight: () => number;
  readonly retries: () => number;
  readonly aborted: () => number;
  readonly truncated: () => number;
  readonly webSockets: () => number;
  readonly backendConnections: () => { readonly open: number; readonly idle: number };
  readonly databasePool: () => { readonly used: number; readonly free: number; readonly waiting: number };
  readonly unhandledRejections: () => number;
  /** null: there are none, or not yet. */
  readonly events: (() => EventFigures | null) | null;
  /** null: not configured. */
  readonly uploads: (() => UploadFigures) | null;
}

interface UploadFigures {
  readonly changes: Readonly<Record<string, number>>;
  readonly failedLooks: number;
  /** By status; neither before the first look. */
  readonly due?: Readonly<Record<string, number>>;
  readonly oldestSeconds?: number;
}

interface EventFigures {
  readonly waiting: number;
  readonly oldestSeconds: number;
  readonly failed: number;
}

export interface Metrics {
  observe(request: ObservedRequest): void;
  /** @throws AppError when prom-client cannot be loaded now */
  registry(): Registry;
}

/** Requests are counted from now on; prom-client, a fifth of what the start would take, is loaded when somebody scrapes. */
export function createMetrics(readings: Readings): Metrics {
  const durations = new RequestHistogram();
  let registry: Registry | undefined;
  return {
    observe: (request) => durations.observe(request),
    registry() {
      registry ??= createRegistry(readings, durations);
      return registry;
    },
  };
}

function createRegistry(readings: Readings, durations: RequestHistogram): Registry {
  const { Registry, collectDefaultMetrics } = loadPackage('prom-client');
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  // It has what the registry uses of a metric, and none of the rest.
  registry.registerMetric(durations as unknown as Metric);
  registerReadings(registry, readings);
  return registry;
}

/** Nothing is counted here: whoever does the work counts it, and is asked when somebody scrapes. */
function registerReadings(registry: Registry, readings: Readings): void {
  const { Counter, Gauge } = loadPackage('prom-client');
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number, aggregator: 'sum' | 'max' = 'sum') =>
    new Gauge({
      name: `sidecar_${name}`,
      help,
      registers,
      aggregator,
      collect() {
        this.set(read());
      },
    });
  const counter = (name: string, help: string, read: () => number) =>
    new Counter({
      name: `sidecar_${name}`,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  const { backendConnections: backend, databasePool: pool } = readings;
  gauge('in_flight', 'Forwarded requests whose response head has not arrived', readings.inFlight);
  counter('retries_total', 'Requests sent again after the keep-alive race', readings.retries);
  counter('aborted_total', 'Forwarded requests whose client went away', readings.aborted);
  counter('truncated_total', 'Responses that the backend cut short', readings.truncated);
  counter(
    'unhandled_rejections_total',
    'Failures that no code waited for (see the log)',
    readings.unhandledRejections,
  );
  gauge('websockets', 'WebSockets open', readings.webSockets);
  gauge('backend_connections_open', 'Connections to the backend', () => backend().open);
  gauge('backend_connections_idle', 'Connections to the backend that are idle', () => backend().idle);
  gauge('database_connections_used', 'Database connections in use', () => pool().used);
  gauge('database_connections_free', 'Database connections free', () => pool().free);
  gauge('database_waiting', 'Requests waiting for a database connection', () => pool().waiting);
  if (readings.uploads !== null) registerUploads(registry, readings.uploads);
  const { events } = readings;
  if (events === null) return;
  // Of the one outbox that all workers share: their sum would be a multiple.
  gauge('events_waiting', 'Events that are not delivered yet', () => events()?.waiting ?? 0, 'max');
  gauge(
    'events_oldest_seconds',
    'Age of the oldest event that is not delivered yet',
    () => events()?.oldestSeconds ?? 0,
    'max',
  );
  gauge('events_failed', 'Events that were given up, and are kept', () => events()?.failed ?? 0, 'max');
}

function registerUploads(registry: Registry, read: () => UploadFigures): void {
  const { Counter, Gauge } = loadPackage('prom-client');
  const common = (name: string, help: string) => ({ name: `sidecar_${name}`, help, registers: [registry] });
  new Counter({
    ...common('upload_changes_total', 'Uploads that have come into a status'),
    labelNames: ['status'],
    collect() {
      this.reset();
      for (const [status, count] of Object.entries(read().changes)) this.inc({ status }, count);
    },
  });
  new Counter({
    ...common(
      'upload_looks_failed_total',
      'Looks at uploads that failed, for want of the storage or the database',
    ),
    collect() {
      this.reset();
      this.inc(read().failedLooks);
    },
  });
  // Of the one table that all workers share, as the events below.
  new Gauge({
    ...common('uploads_due', 'Uploads that wait for a look of the background pass; 1000: or more'),
    ...{ labelNames: ['status'], aggregator: 'max' },
    collect() {
      for (const [status, count] of Object.entries(read().due ?? {})) this.set({ status }, count);
    },
  });
  new Gauge({
    ...common('uploads_due_oldest_seconds', 'How long the oldest of them has been waiting, at least'),
    aggregator: 'max',
    collect() {
      this.set(read().oldestSeconds ?? 0);
    },
  });
}

/** Serves `GET /metrics` on loopback only. @throws when it cannot listen there */
export async function serveMetrics(port: number, render: () => Promise<string>): Promise<Server> {
  const server = http.createServer((req, res) => {
    if (req.url?.split('?')[0] !== '/metrics') {
      res.writeHead(404).end();
      return;
    }
    render().then(
      (text) => res.writeHead(200, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text),
      () => res.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new Error(`Cannot serve metrics on 127.0.0.1:${port}.`, { cause })),
    );
    server.listen(port, '127.0.0.1', resolve);
  });
  // A scrape in progress must not keep a stopping process alive.
  server.unref();
  return server;
}
