/**
 * The process: environment → config → workers → listen → signals. Exit status 78 for a bad configuration, 1 when it cannot
 * listen, 70 for a defect or when the socket that systemd passed is lost, 0 after an orderly stop.
 */
import cluster from 'node:cluster';
import { configAdvice, nodeAdvice } from './config/advice.ts';
import { type Config, parseConfig } from './config/config.ts';
import { keepOwnEnvironment } from './config/environment.ts';
import { ConfigError } from './config/read-settings.ts';
import { reasonsOf } from './errors.ts';
import { createLogger, type Log } from './infra/logger.ts';
import { serveMetrics } from './infra/metrics.ts';
import { collectFromWorkers } from './infra/worker-metrics.ts';
import { warnOfSharedRoutes } from './shared-routes.ts';
import { createSidecar, type Sidecar } from './sidecar.ts';
import { boundYoungGeneration } from './young-generation.ts';

const HELP = `Usage: node src/main.ts [--check-config] [--help]

Starts the GoGoMarket sidecar. Settings come from the environment: see docs/configuration.md.

  --check-config   check the settings and exit: 0, or 78 with every problem listed
  --help           this text
`;

/** sysexits.h */
const EX_CONFIG = 78;
const EX_SOFTWARE = 70;
const FIRST_PASSED_FD = 3;
/** How long the end of the process waits for its log, ms. */
const LAST_LINES_MS = 500;

function main(args: readonly string[]): void {
  const unknown = args.find((arg) => !['--check-config', '--help', '-h'].includes(arg));
  if (unknown !== undefined) {
    fail(2, `Unknown argument ${unknown}.\n\n${HELP}`);
  } else if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(HELP);
  } else {
    const config = readConfig();
    if (config === undefined) return;
    if (args.includes('--check-config')) {
      const advice = [...nodeAdvice(process.versions.node), ...configAdvice(config)];
      const notes = advice.map((text) => `Note: ${text}.\n`);
      process.stdout.write(`The configuration is complete.\n${notes.join('')}`);
    } else run(config);
  }
}

function readConfig(): Config | undefined {
  try {
    return parseConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    fail(EX_CONFIG, error.message);
    return undefined;
  }
}

function run(config: Config): void {
  keepOwnEnvironment(process.env);
  const log = createLogger(config.logLevel);
  const exit = createExit(log);
  if (cluster.isPrimary) for (const advice of nodeAdvice(process.versions.node)) log.warn(advice);
  process.on('uncaughtException', (error) => {
    // A defect of the sidecar. Nobody knows what state it left behind: log it and let the supervisor start a new process.
    log.fatal({ err: error }, 'uncaught exception');
    exit(EX_SOFTWARE);
  });
  process.on('unhandledRejection', (reason) => {
    // Nobody waited for it, so nobody was left half done (decision 0014): forwarding goes on.
    unhandledRejections += 1;
    log.error({ err: reason }, 'unhandled rejection');
  });
  const start = config.workers > 1 && cluster.isPrimary ? startPrimary : startSidecar;
  const running = start(config, log, exit);
  // Before it has started: by default a SIGHUP would end a process that is still starting.
  onSignals(running, log, exit);
  running.catch((error) => {
    fail(1, reasonsOf(error));
    exit(1);
  });
}

/** Promises of this process that failed and that nobody waited for; for the metrics. */
let unhandledRejections = 0;

type Exit = (status: number) => void;

/** Ends the process when its last lines are out, or cannot be. */
function createExit(log: Log): Exit {
  let isExiting = false;
  return (status) => {
    if (isExiting) return;
    isExiting = true;
    log.flush(LAST_LINES_MS).then((isFlushed) => {
      // process.exit() would wait for the write, which does not end: the reader of the log stands still.
      if (isFlushed) process.exit(status);
      else process.kill(process.pid, 'SIGKILL');
    });
  };
}

interface Running {
  stop(): Promise<unknown>;
  /** SIGHUP. */
  reload(): Promise<unknown>;
}

async function startSidecar(config: Config, log: Log): Promise<Running> {
  const sidecar = createSidecar(config, log, () => unhandledRejections);
  const { port } = await sidecar.start(activatedSocket());
  boundYoungGeneration(sidecar.waiting);
  const where = port === null ? { socket: 'passed' } : { host: config.host, port };
  log.info({ ...where, pid: process.pid }, 'listening');
  if (cluster.isWorker) await obeyPrimary(sidecar);
  // Of several workers one is enough, and none that comes later.
  const isFirst = cluster.isPrimary || cluster.worker?.id === 1;
  const stopLooking = isFirst
    ? warnOfSharedRoutes({ backend: config.backend, routes: sidecar.routes, log })
    : undefined;
  return {
    stop() {
      stopLooking?.();
      return sidecar.stop();
    },
    async reload() {
      if (cluster.isPrimary) log.warn('SIGHUP restarts workers; with WEB_CONCURRENCY=1 there are none');
    },
  };
}

/** What a worker and its primary have to say to each other. */
async function obeyPrimary(sidecar: Sidecar): Promise<void> {
  const { LISTENING, STOP_ACCEPTING, STOPPED_ACCEPTING } = await import('./workers.ts');
  process.on('message', (message) => {
    if (message !== STOP_ACCEPTING) return;
    sidecar.stopAccepting();
    process.send?.(STOPPED_ACCEPTING);
  });
  process.send?.(LISTENING);
}

async function startPrimary(config: Config, log: Log, exit: Exit): Promise<Running> {
  const { startWorkers } = await import('./workers.ts');
  const { metricsPort } = config;
  const collect = metricsPort === null ? undefined : collectFromWorkers();
  const onSocketLost = () => {
    log.fatal('all workers died, and the passed socket with them');
    exit(EX_SOFTWARE);
  };
  const pool = await startWorkers(config, log, activatedSocket() === undefined ? null : onSocketLost);
  const metrics =
    metricsPort === null || collect === undefined ? undefined : await serveMetrics(metricsPort, collect);
  log.info({ workers: config.workers, pid: process.pid }, 'all workers listen');
  return {
    reload: () => pool.restart(),
    async stop() {
      metrics?.close();
      await pool.stop();
    },
  };
}

function onSignals(running: Promise<Running>, log: Log, exit: Exit): void {
  let stopping = false;
  const stop = (signal: string) => {
    if (stopping) {
      // A second signal means: do not wait. Workers ignore it, since they hear one Ctrl-C twice: from the terminal and from
      // their primary.
      if (cluster.isPrimary) exit(1);
      return;
    }
    stopping = true;
    log.info({ signal }, 'stopping');
    running
      .then((process) => process.stop())
      .then(
        () => exit(0),
        (error) => {
          log.error({ err: error }, 'could not stop in order');
          exit(1);
        },
      );
  };
  process.on('SIGTERM', stop).on('SIGINT', stop);
  process.on('SIGHUP', () => {
    running
      .then((process) => process.reload())
      .catch((error) => log.error({ err: error }, 'restart failed; the old workers go on'));
  });
}

/** systemd's socket activation (sd_listen_fds(3)): the first passed socket is descriptor 3, in workers as well. */
function activatedSocket(): { fd: number } | undefined {
  const { LISTEN_FDS, LISTEN_PID } = process.env;
  const forUs = LISTEN_PID === String(cluster.isPrimary ? process.pid : process.ppid);
  return forUs && Number(LISTEN_FDS) >= 1 ? { fd: FIRST_PASSED_FD } : undefined;
}

function fail(status: number, text: string): void {
  process.stderr.write(`${text}\n`);
  process.exitCode = status;
}

main(process.argv.slice(2));
