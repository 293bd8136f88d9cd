/**
 * What libraries see of the environment. The file of the settings is shared with the backend, and libraries read names in
 * it that are not ours: AWS_DEFAULTS_MODE=bogus ended the process at the first upload, PGOPTIONS changes every session,
 * NODE_ENV decides whether a stack trace is sent to the client. A list of what may stay, since nobody can list what the
 * next version of a library reads (docs/decisions/0014-only-our-settings-reach-a-library.md).
 */
import { devNull } from 'node:os';
import { SETTING_NAMES } from './settings.ts';

/** For Node and the system below it, also in the workers, which inherit what is left. */
const OF_THE_PROCESS = new Set([
  ...['PATH', 'TZ', 'TMPDIR', 'GLIBC_TUNABLES', 'UV_THREADPOOL_SIZE', 'WATCH_REPORT_DEPENDENCIES'],
  // Not NODE_TLS_REJECT_UNAUTHORIZED: with 0 every certificate would be good enough.
  ...['NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS', 'NODE_USE_SYSTEM_CA', 'NODE_ICU_DATA', 'NODE_V8_COVERAGE'],
  ...['NODE_COMPILE_CACHE', 'NODE_COMPILE_CACHE_PORTABLE', 'NODE_DISABLE_COMPILE_CACHE'],
  ...['NODE_DEBUG', 'NODE_DEBUG_NATIVE', 'NODE_NO_WARNINGS', 'NODE_REDIRECT_WARNINGS'],
  ...['SSL_CERT_FILE', 'SSL_CERT_DIR', 'OPENSSL_CONF'],
  // sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3)
  ...['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES', 'NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID'],
]);
/** ld.so(8), and the allocators that read their options from there. */
const OF_THE_LOADER = /^(LD|MALLOC)_/;

/**
 * Removes every name that is neither a setting nor needed below us, and switches off the AWS SDK's files. Before the
 * first library is used; calling it again changes nothing.
 */
export function keepOwnEnvironment(env: NodeJS.ProcessEnv): void {
  const own = new Set<string>(SETTING_NAMES);
  for (const name of Object.keys(env)) {
    if (!own.has(name) && !OF_THE_PROCESS.has(name) && !OF_THE_LOADER.test(name)) delete env[name];
  }
  // ~/.aws is found without HOME, too: by the user's entry in /etc/passwd.
  env.AWS_CONFIG_FILE = devNull;
  env.AWS_SHARED_CREDENTIALS_FILE = devNull;
}
