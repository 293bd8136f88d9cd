/**
 * Several processes on one port: node:cluster, with crashed workers replaced and SIGHUP replacing all of them without a
 * refused request. The invariant is the number of workers; every event only asks whether one is missing.
 */
import cluster, { type Worker } from 'node:cluster';
import type { Config } from './config/config.ts';
import type { Log } from './infra/logger.ts';

export interface WorkerPool {
  /**
   * Replaces every worker. All new ones listen before the old ones take no more connections, and these do so before the
   * first of them cuts its WebSockets: whoever comes back comes to a worker that stays. Asked again meanwhile, once more.
   */
  restart(): Promise<void>;
  /** Asks all workers to finish; resolves when the last one has. */
  stop(): Promise<void>;
}

const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 5_000;
/** A worker that lived this long, ms, did not fail at its start: its replacement waits for FIRST_BACKOFF_MS only. */
const HEALTHY_AFTER_MS = 10_000;
/** What a worker tells its primary once it serves. */
export const LISTENING = 'listening';
/** What a primary asks of its worker, and the answer: Sidecar.stopAccepting. */
export const STOP_ACCEPTING = 'stop accepting';
export const STOPPED_ACCEPTING = 'stopped accepting';
const LISTEN_TIMEOUT_MS = 30_000;
/** A worker that does not even answer is not waited for longer, ms. */
const STOP_ACCEPTING_TIMEOUT_MS = 3_000;
/** What a worker may take beyond the grace time before it is killed, ms. */
const STOP_SLACK_MS = 5_000;

/**
 * Starts `config.workers` processes running the same main; resolves when all listen.
 * @param onLost the listening socket is gone for good: node:cluster has closed the one that systemd passed, as it does
 *   with the last worker. Whoever supervises us has to start us with it again.
 * @throws when a worker cannot start
 */
export async function startWorkers(
  config: Config,
  log: Log,
  onLost: (() => void) | null,
): Promise<WorkerPool> {
  // Workers accept for themselves. By the default (round robin) the primary does, and a connection that it hands to a
  // worker that is just dying is neither closed nor given to another: its client waits for its own time-out.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  const pool = new Pool(config, log, onLost);
  await pool.fill();
  return pool;
}

class Pool implements WorkerPool {
  readonly #config: Config;
  readonly #log: Log;
  readonly #onLost: (() => void) | null;
  /** Listening, and meant to go on. */
  readonly #serving = new Set<Worker>();
  /** Asked to leave, and not yet gone. */
  readonly #leaving = new Set<Worker>();
  readonly #retiring = new Map<Worker, Promise<void>>();
  #starting = 0;
  #stopping = false;
  #backoffMs = FIRST_BACKOFF_MS;
  #replacing: NodeJS.Timeout | undefined;
  #restarting: Promise<void> | undefined;
  #restartAgain = false;

  constructor(config: Config, log: Log, onLost: (() => void) | null) {
    this.#config = config;
    this.#log = log;
    this.#onLost = onLost;
  }

  async fill(): Promise<void> {
    if (this.#stopping) return;
    const missing = this.#config.workers - this.#serving.size - this.#starting;
    await Promise.all(Array.from({ length: Math.max(0, missing) }, () => this.#start()));
  }

  restart(): Promise<void> {
    if (this.#restarting !== undefined) this.#restartAgain = true;
    this.#restarting ??= this.#replaceAll().finally(() => {
      this.#restarting = undefined;
    });
    return this.#restarting;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#replacing);
    const all = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
    for (const worker of all) if (!this.#serving.has(worker)) this.#retire(worker);
    await this.#leave([...this.#serving]);
    await Promise.all(all.map((worker) => this.#retire(worker)));
  }

  async #replaceAll(): Promise<void> {
    do {
      this.#restartAgain = false;
      const old = [...this.#serving];
      await this.#startAsMany();
      if (this.#stopping) return;
      await this.#leave(old);
      // One by one, so that the clients of all WebSockets do not come back at the same moment.
      for (const worker of old) await this.#retire(worker);
      await this.fill();
    } while (this.#restartAgain && !this.#stopping);
    if (this.#stopping) return;
    this.#log.info({ workers: this.#serving.size }, 'workers restarted');
  }

  /** One after the other: each wants a core for itself. @throws when one does not start; then none of them stays */
  async #startAsMany(): Promise<void> {
    const started: Worker[] = [];
    try {
      while (started.length < this.#config.workers && !this.#stopping) started.push(await this.#start());
    } catch (error) {
      // One that was asked to stop while it started.
      if (this.#stopping) return;
      await this.#leave(started);
      for (const worker of started) this.#retire(worker);
      // An old one may have died meanwhile.
      await this.fill();
      throw error;
    }
  }

  /** Resolves when it listens. @throws when it ends before that */
  #start(): Promise<Worker> {
    this.#starting += 1;
    const worker = cluster.fork();
    const bornAt = performance.now();
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => worker.process.kill('SIGKILL'), LISTEN_TIMEOUT_MS);
      let started = false;
      const onStarted = () => {
        if (started) return;
        started = true;
        clearTimeout(late);
        this.#starting -= 1;
      };
      worker.on('message', (message) => {
        if (message !== LISTENING) return;
        onStarted();
        this.#serving.add(worker);
        if (this.#stopping) this.#retire(worker);
        resolve(worker);
      });
      worker.once('exit', () => {
        onStarted();
        reject(new Error('A worker did not start.'));
        if (!this.#retiring.has(worker)) this.#onDeath(worker, performance.now() - bornAt);
        this.#leaving.delete(worker);
      });
    });
  }

  #onDeath(worker: Worker, livedMs: number): void {
    this.#serving.delete(worker);
    if (livedMs > HEALTHY_AFTER_MS) this.#backoffMs = FIRST_BACKOFF_MS;
    const { pid, exitCode, signalCode } = worker.process;
    const isMissed = !this.#stopping && this.#serving.size + this.#starting < this.#config.workers;
    // Undefined when another worker has died before and both are replaced at the same moment.
    const replacedInMs = isMissed && this.#replacing === undefined ? this.#backoffMs : undefined;
    this.#log.error({ pid, status: exitCode ?? signalCode, replacedInMs }, 'worker died');
    if (!isMissed) return;
    if (this.#onLost !== null && this.#serving.size + this.#leaving.size === 0) this.#onLost();
    if (this.#replacing !== undefined) return;
    this.#replacing = setTimeout(() => {
      this.#replacing = undefined;
      // A failure comes back here by the worker's exit.
      this.fill().catch(() => undefined);
    }, this.#backoffMs);
    this.#backoffMs = Math.min(this.#backoffMs * 2, LONGEST_BACKOFF_MS);
  }

  /** Resolves when none of them takes connections any more. What is open in them goes on. */
  async #leave(workers: readonly Worker[]): Promise<void> {
    for (const worker of workers) if (this.#serving.delete(worker)) this.#leaving.add(worker);
    await Promise.all(workers.map(stopAccepting));
  }

  #retire(worker: Worker): Promise<void> {
    this.#serving.delete(worker);
    const under = this.#retiring.get(worker);
    if (under !== undefined) return under;
    const gone = new Promise<void>((resolve) => {
      if (worker.isDead()) return resolve();
      this.#leaving.add(worker);
      const limitMs = this.#config.shutdownGraceMs + STOP_SLACK_MS;
      const late = setTimeout(() => worker.process.kill('SIGKILL'), limitMs);
      worker.once('exit', () => {
        clearTimeout(late);
        resolve();
      });
      worker.process.kill('SIGTERM');
    }).finally(() => this.#retiring.delete(worker));
    this.#retiring.set(worker, gone);
    return gone;
  }
}

function stopAccepting(worker: Worker): Promise<void> {
  return new Promise((resolve) => {
    const onMessage = (message: unknown) => {
      if (message === STOPPED_ACCEPTING) done();
    };
    const done = () => {
      clearTimeout(late);
      worker.off('message', onMessage).off('exit', done);
      resolve();
    };
    const late = setTimeout(done, STOP_ACCEPTING_TIMEOUT_MS);
    worker.on('message', onMessage).once('exit', done);
    // An error means that it is just ending.
    worker.send(STOP_ACCEPTING, (error) => error && done());
  });
}
