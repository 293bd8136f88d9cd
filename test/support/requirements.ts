/**
 * Tests that need programs beyond Node name what is missing and skip; with REQUIRE_E2E=1 they fail instead, so that CI
 * cannot pass by testing less.
 */
import { spawnSync } from 'node:child_process';
import type { TestContext } from 'node:test';
import { PATH_WITH_SBIN } from '../../scripts/lab/tools.ts';

/** How to find out whether a tool is there: a command that exits with 0. */
const PROBES: Record<string, readonly [command: string, ...args: string[]]> = {
  bash: ['bash', '--version'],
  curl: ['curl', '--version'],
  openssl: ['openssl', 'version'],
  nginx: ['nginx', '-v'],
  pgbouncer: ['pgbouncer', '--version'],
  radosgw: ['radosgw', '--version'],
  'ceph-mon': ['ceph-mon', '--version'],
  'ceph-osd': ['ceph-osd', '--version'],
  shellcheck: ['shellcheck', '--version'],
  'systemd-analyze': ['systemd-analyze', '--version'],
  PyJWT: ['/usr/bin/python3', '-c', 'import jwt'],
  'uvicorn with FastAPI': [
    '/usr/bin/python3',
    '-c',
    'import fastapi, uvicorn, asyncpg, jwt, multipart, websockets',
  ],
};

/** One that hangs is as good as none, ms. */
const PATIENCE_MS = 30_000;

const known = new Map<string, boolean>();

/** Which of the tools that some test needs are not on this machine. */
export const missingTools = (): string[] => Object.keys(PROBES).filter((tool) => !isThere(tool));

function isThere(tool: string): boolean {
  const cached = known.get(tool);
  if (cached !== undefined) return cached;
  const [command = tool, ...args] = PROBES[tool] ?? [];
  const env = { ...process.env, PATH: PATH_WITH_SBIN };
  const there = spawnSync(command, args, { stdio: 'ignore', env, timeout: PATIENCE_MS }).status === 0;
  known.set(tool, there);
  return there;
}

/** @returns whether the test may go on; otherwise it has been skipped, or has failed with REQUIRE_E2E=1 */
export function requireTools(t: Pick<TestContext, 'skip'>, tools: readonly string[]): boolean {
  const missing = tools.filter((tool) => !isThere(tool));
  if (missing.length === 0) return true;
  const sentence = `not installed: ${missing.join(', ')}`;
  if (process.env.REQUIRE_E2E === '1') throw new Error(`REQUIRE_E2E=1, but ${sentence}`);
  t.skip(sentence);
  return false;
}

/** `requireTools` for a whole file: the `skip` option of its tests. @throws Error with REQUIRE_E2E=1 */
export function skipWithout(tools: readonly string[]): string | false {
  let reason: string | false = false;
  const skip = (sentence?: string) => {
    reason = sentence ?? 'not installed';
  };
  requireTools({ skip }, tools);
  return reason;
}
