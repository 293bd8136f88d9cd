/**
 * Prometheus metrics. Labels are few and bounded: owner, method, status class and our own route patterns; never a raw
 * path, which anybody could make endless.
 */
import cluster from 'node:cluster';
import { createServer, type Server } from 'node:http';
import type { Metric, Registry } from 'prom-client';
import { type ObservedRequest, RequestHistogram } from './request-histogram.ts';

/** Read when somebody scrapes; costs nothing per request. */
export interface Gauges {
  readonly inFlight: () => number;
  readonly retries: () => number;
  readonly aborted: () => number;
  readonly truncated: () => number;
  readonly webSockets: () => number;
  readonly backendConnections: () => { readonly open: number; readonly idle: number };
  readonly databasePool: () => { readonly used: number; readonly free: number; readonly waiting: number };
}

export interface Metrics {
  observe(request: ObservedRequest): void;
  readonly registry: Registry;
}

export async function createMetrics(gauges: Gauges): Promise<Metrics> {
  const { AggregatorRegistry, Registry, collectDefaultMetrics } = await import('prom-client');
  const registry = new Registry();
  // In a worker the primary asks for these and adds them up.
  AggregatorRegistry.setRegistries([registry]);
  // Its constructor is what makes a worker listen for that question.
  if (cluster.isWorker) new AggregatorRegistry();
  collectDefaultMetrics({ register: registry });
  const durations = new RequestHistogram();
  // It has what the registry uses of a metric, and none of the rest.
  registry.registerMetric(durations as unknown as Metric);
  await registerGauges(registry, gauges);
  return { registry, observe: (request) => durations.observe(request) };
}

async function registerGauges(registry: Registry, gauges: Gauges): Promise<void> {
  const { Gauge } = await import('prom-client');
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `sidecar_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  gauge('in_flight', 'Forwarded requests whose response head has not arrived', gauges.inFlight);
  gauge('retries_total', 'Requests sent again after the keep-alive race', gauges.retries);
  gauge('aborted_total', 'Forwarded requests whose client went away', gauges.aborted);
  gauge('truncated_total', 'Responses that the backend cut short', gauges.truncated);
  gauge('websockets', 'WebSockets open', gauges.webSockets);
  gauge('backend_connections_open', 'Connections to the backend', () => gauges.backendConnections().open);
  gauge(
    'backend_connections_idle',
    'Connections to the backend that are idle',
    () => gauges.backendConnections().idle,
  );
  gauge('database_connections_used', 'Database connections in use', () => gauges.databasePool().used);
  gauge('database_connections_free', 'Database connections free', () => gauges.databasePool().free);
  gauge(
    'database_waiting',
    'Requests waiting for a database connection',
    () => gauges.databasePool().waiting,
  );
}

/** Serves `GET /metrics` on loopback only. @throws when the port is taken */
export async function serveMetrics(port: number, render: () => Promise<string>): Promise<Server> {
  const server = createServer((req, res) => {
    if (req.url !== '/metrics') {
      res.writeHead(404).end();
      return;
    }
    render().then(
      (text) => res.writeHead(200, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text),
      () => res.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', () =>
      reject(new Error(`Cannot serve metrics on 127.0.0.1:${port}: the port is taken.`)),
    );
    server.listen(port, '127.0.0.1', resolve);
  });
  // A scrape in progress must not keep a stopping process alive.
  server.unref();
  return server;
}
