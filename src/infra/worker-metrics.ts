/**
 * The metrics of several workers, added up by their primary. What a worker has counted stays when it goes: a counter that
 * falls reads as a restart, and the rate computed from it jumps (https://prometheus.io/docs/concepts/metric_types/#counter).
 */
import cluster, { type Worker } from 'node:cluster';
import type { MetricObject, Registry } from 'prom-client';
import { loadPackage } from '../load-package.ts';

const ASKED = 'metrics?';
/** A worker that stands still is shown as it was when it last answered, ms. */
const ANSWER_TIMEOUT_MS = 1_000;

interface Report {
  readonly metrics: MetricObject[];
}

/**
 * In a worker: tells the primary whenever it asks.
 * @returns tells it once more, unasked, before the worker ends
 */
export function reportToPrimary(registry: () => Registry): () => Promise<void> {
  const report = async () => {
    const metrics = await registry().getMetricsAsJSON();
    // An error means that the primary is gone.
    await new Promise<void>((resolve) => process.send?.({ metrics } satisfies Report, () => resolve()));
  };
  process.on('message', (message) => {
    if (message === ASKED) report().catch(() => undefined);
  });
  return report;
}

/** In the primary, before there are workers. @returns the text for Prometheus */
export function collectFromWorkers(): () => Promise<string> {
  const { AggregatorRegistry } = loadPackage('prom-client');
  const latest = new Map<number, MetricObject[]>();
  let left = Promise.resolve<MetricObject[]>([]);

  cluster.on('message', ({ id }, message: unknown) => {
    if (isReport(message)) latest.set(id, message.metrics);
  });
  // Not 'exit', which may come before the last report.
  cluster.on('disconnect', ({ id }) => {
    const last = latest.get(id)?.filter(({ type }) => isCounted(String(type)));
    latest.delete(id);
    if (last === undefined) return;
    left = left.then((sum) => AggregatorRegistry.aggregate([sum, last]).getMetricsAsJSON());
  });
  return async () => {
    const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
    await Promise.all(workers.map(ask));
    return AggregatorRegistry.aggregate([await left, ...latest.values()]).metrics();
  };
}

/** Resolves when it has answered, or will not. */
function ask(worker: Worker): Promise<void> {
  return new Promise((resolve) => {
    const onMessage = (message: unknown) => {
      if (isReport(message)) done();
    };
    const done = () => {
      clearTimeout(late);
      worker.off('message', onMessage).off('exit', done);
      resolve();
    };
    const late = setTimeout(done, ANSWER_TIMEOUT_MS);
    worker.on('message', onMessage).once('exit', done);
    worker.send(ASKED, (error) => error && done());
  });
}

/** What only grows. */
const isCounted = (type: string) => type === 'counter' || type === 'histogram';

const isReport = (message: unknown): message is Report =>
  typeof message === 'object' && message !== null && 'metrics' in message && Array.isArray(message.metrics);
