/**
 * Several processes on one port: node:cluster, with crashed workers replaced and SIGHUP replacing all of them one by
 * one without a refused request.
 */
import cluster, { type Worker } from 'node:cluster';
import type { Config } from './config.ts';
import type { Log } from './infra/logger.ts';

export interface WorkerPool {
  /** Replaces every worker: the new one listens before the old one is asked to finish. */
  restart(): Promise<void>;
  /** Asks all workers to finish; resolves when the last one has. */
  stop(): Promise<void>;
}

const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 5_000;
/** A worker that lived this long did not die of its start. */
const HEALTHY_AFTER_MS = 10_000;
const LISTEN_TIMEOUT_MS = 30_000;

/** Starts `config.workers` processes running the same main; resolves when all listen. */
export async function startWorkers(config: Config, log: Log): Promise<WorkerPool> {
  let stopping = false;
  let backoffMs = FIRST_BACKOFF_MS;
  const retiring = new WeakSet<Worker>();

  const replaceCrashed = (worker: Worker, bornAt: number) => {
    if (stopping || retiring.has(worker)) return;
    if (Date.now() - bornAt > HEALTHY_AFTER_MS) backoffMs = FIRST_BACKOFF_MS;
    log.error(
      { pid: worker.process.pid, status: worker.process.exitCode, retryInMs: backoffMs },
      'worker died',
    );
    setTimeout(() => !stopping && start().catch(() => undefined), backoffMs);
    backoffMs = Math.min(backoffMs * 2, LONGEST_BACKOFF_MS);
  };

  const start = (): Promise<Worker> => {
    const worker = cluster.fork();
    const bornAt = Date.now();
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => worker.kill('SIGKILL'), LISTEN_TIMEOUT_MS);
      worker.once('listening', () => {
        clearTimeout(late);
        resolve(worker);
      });
      worker.once('exit', () => {
        clearTimeout(late);
        reject(new Error('A worker did not start.'));
        replaceCrashed(worker, bornAt);
      });
    });
  };

  const retire = (worker: Worker): Promise<void> => {
    retiring.add(worker);
    return new Promise((resolve) => {
      if (worker.isDead()) return resolve();
      worker.once('exit', () => resolve());
      worker.process.kill('SIGTERM');
    });
  };

  await Promise.all(Array.from({ length: config.workers }, start));
  return {
    async restart() {
      for (const old of workers()) {
        if (stopping) return;
        await start();
        await retire(old);
      }
      log.info({ workers: config.workers }, 'workers restarted');
    },
    async stop() {
      stopping = true;
      await Promise.all(workers().map(retire));
    },
  };
}

const workers = (): Worker[] => Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
