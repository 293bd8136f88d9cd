/**
 * The process: environment → config → listen → signals. Exit status 78 (EX_CONFIG, sysexits.h) for a bad
 * configuration, 1 when it cannot listen, 0 after an orderly stop.
 */
import { type Config, ConfigError, parseConfig } from './config.ts';
import { createLogger } from './infra/logger.ts';
import { createSidecar } from './sidecar.ts';

const HELP = `Usage: node src/main.ts [--check-config] [--help]

Starts the GoGoMarket sidecar. Settings come from the environment: see docs/configuration.md.

  --check-config   check the settings and exit: 0, or 78 with every problem listed
  --help           this text
`;

const EX_CONFIG = 78;

function main(args: readonly string[]): void {
  const unknown = args.find((arg) => !['--check-config', '--help', '-h'].includes(arg));
  if (unknown !== undefined) {
    fail(2, `Unknown argument ${unknown}.\n\n${HELP}`);
  } else if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(HELP);
  } else {
    const config = readConfig();
    if (config === undefined) return;
    if (args.includes('--check-config')) process.stdout.write('The configuration is complete.\n');
    else run(config);
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
  const log = createLogger(config.logLevel);
  const sidecar = createSidecar(config, log);
  const exit = (status: number) => {
    log.flush();
    process.exit(status);
  };

  let stopping = false;
  const stop = (signal: string) => {
    // A second signal means it: do not wait for the grace time.
    if (stopping) exit(1);
    stopping = true;
    log.info({ signal }, 'stopping');
    sidecar.stop().then(
      () => exit(0),
      (error) => {
        log.error({ err: error }, 'could not stop in order');
        exit(1);
      },
    );
  };
  process.on('SIGTERM', stop).on('SIGINT', stop);
  process.on('uncaughtException', (error) => {
    // A defect of ours. State is unknown: say it, let the supervisor start a new process.
    log.fatal({ err: error }, 'uncaught exception');
    exit(70);
  });

  sidecar.start().then(
    ({ port }) => log.info({ host: config.host, port, pid: process.pid }, 'listening'),
    (error) => {
      log.flush();
      fail(1, error instanceof Error ? error.message : String(error));
    },
  );
}

function fail(status: number, text: string): void {
  process.stderr.write(`${text}\n`);
  process.exitCode = status;
}

main(process.argv.slice(2));
