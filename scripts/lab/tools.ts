/** Programs of the system that may or may not be on this machine. */
import { spawnSync } from 'node:child_process';

/** Some live outside an ordinary user's PATH. */
export const PATH_WITH_SBIN = `${process.env.PATH}:/usr/sbin:/sbin`;

/** By its path: another python3 may come first on PATH, without Debian's packages. */
export const PYTHON = '/usr/bin/python3';

/** By its path, as it is started. */
export const CHROMIUM = '/usr/bin/chromium';

/** What some test needs, and the command that exits with 0 where it is there. */
const PROBES: Readonly<Record<string, readonly [command: string, ...args: string[]]>> = {
  ...Object.fromEntries(
    [
      'bash',
      'curl',
      'git',
      'npm',
      'pgbouncer',
      'prometheus',
      'promtool',
      'radosgw',
      'ceph-mon',
      'ceph-osd',
      'shellcheck',
      'systemd-analyze',
    ].map((tool) => [tool, [tool, '--version']]),
  ),
  chromium: [CHROMIUM, '--version'],
  openssl: ['openssl', 'version'],
  nginx: ['nginx', '-v'],
  nft: ['nft', '--version'],
  'PostgreSQL with pg_dump': ['sh', '-c', 'ls /usr/lib/postgresql/*/bin/pg_dump'],
  PyJWT: [PYTHON, '-c', 'import jwt'],
  'uvicorn with FastAPI': [PYTHON, '-c', 'import fastapi, uvicorn, asyncpg, jwt, multipart, websockets'],
};
/** One that hangs is as good as none, ms. */
const PATIENCE_MS = 30_000;
const known = new Map<string, boolean>();

/** Which of the tools are not on this machine: of those named, or of all that some test needs. */
export const missingTools = (tools: readonly string[] = Object.keys(PROBES)): string[] =>
  tools.filter((tool) => !isThere(tool));

function isThere(tool: string): boolean {
  const there = known.get(tool) ?? outputOf(...(PROBES[tool] ?? [tool])) !== undefined;
  known.set(tool, there);
  return there;
}

/** Runs a program to its end. @returns what it printed, stderr included; undefined when it is not installed or fails */
export function outputOf(command: string, ...args: readonly string[]): string | undefined {
  const env = { ...process.env, PATH: PATH_WITH_SBIN };
  const { status, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    env,
    timeout: PATIENCE_MS,
  });
  return status === 0 ? stdout + stderr : undefined;
}
