/** As whom the doctor looks, and whether the service's user may read what the settings name. */
import { existsSync, realpathSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, resolve } from 'node:path';
import { ok, unchecked, wrong } from '../uploads/check.ts';
import type { DoctorCheck, Scene } from './scene.ts';
import type { Unit } from './unit.ts';

const RELEASE = resolve(import.meta.dirname, '../..');

const WHO: DoctorCheck = {
  name: 'who looks',
  needs: [],
  async run({ words, sources: { unit } }) {
    const me = nameOfUser();
    if (unit === null) return ok(words.noService(me));
    const service = unit.user ?? words.ownUser;
    if (isService(unit)) return ok(words.asService(me));
    const line = commandLineOfService(unit);
    return ok(process.getuid?.() === 0 ? words.asRoot(service, line) : words.asOther(me, service, line));
  },
};

/** Does this run as the service's own user? DynamicUser= names it after the unit. */
export const isService = ({ user, name }: Unit): boolean =>
  nameOfUser() === (user ?? name.replace(/\.service$/, ''));

function nameOfUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.()}`;
  }
}

/** Runs the doctor as the service is run: its user, its files, its command line. */
export function commandLineOfService(unit: Unit): string {
  const files = unit.files.map(
    ({ path, isOptional }) => `--property=EnvironmentFile=${isOptional ? '-' : ''}${path}`,
  );
  const user = unit.user === null ? '--property=DynamicUser=yes' : `--uid=${unit.user}`;
  const assignments = Object.entries(unit.commandLine).map(([name, value]) => `${name}=${value}`);
  return [
    ...['sudo', 'systemd-run', '--quiet', '--pipe', '--wait', '--collect', user, ...files],
    `--property=WorkingDirectory=${unit.workingDirectory}`,
    ...[
      '/usr/bin/env',
      ...assignments,
      `${unit.workingDirectory}/node_modules/.bin/node`,
      'scripts/doctor.ts',
    ],
  ].join(' ');
}

const FILES: DoctorCheck = {
  name: 'files it needs',
  needs: [],
  async run({ words, sources, setting }) {
    const paths = [
      RELEASE,
      resolve(RELEASE, 'src/main.ts'),
      resolve(RELEASE, 'node_modules'),
      ...namedFiles(sources.env, setting),
    ];
    const user = sources.unit === null ? null : sources.unit.user;
    if (sources.unit === null || user === 'root') return ok(words.filesByThisUser);
    if (user !== null && user !== nameOfUser() && process.getuid?.() !== 0)
      return unchecked(words.filesOfOther(user));
    const problems = paths.flatMap((path) => {
      const obstacle = obstacleFor(path);
      return obstacle === null
        ? []
        : [obstacle === path ? words.unreadable(path) : words.hidden(path, obstacle)];
    });
    if (problems.length > 0) return wrong(problems.join('\n'), words.makeReadable);
    return ok(words.filesReadable);
  },
};

function namedFiles(env: Scene['sources']['env'], setting: Scene['setting']): string[] {
  const database = setting('DATABASE_URL');
  const { rootCertPath = null, clientCert = null } = database?.tls ?? {};
  return [rootCertPath, clientCert?.certPath, env.REVIEWS_BLOCKED_WORDS_FILE, env.NODE_EXTRA_CA_CERTS].filter(
    (path): path is string => typeof path === 'string' && path.startsWith('/'),
  );
}

/**
 * By the bits for everybody, since a user that owns nothing has no others; root may read all and would see no obstacle.
 * @returns the file or the folder above it that is closed; null: none
 */
function obstacleFor(given: string): string | null {
  if (!existsSync(given)) return given;
  const path = realpathSync(given);
  for (let at = dirname(path); ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return at;
    if (at === dirname(at)) break;
  }
  const { mode } = statSync(path);
  return (mode & 0o004) === 0 ? given : null;
}

export const userChecks = [WHO, FILES];
