/** Programs of the system that may or may not be on this machine. */
import { spawnSync } from 'node:child_process';

/** Some live outside an ordinary user's PATH. */
export const PATH_WITH_SBIN = `${process.env.PATH}:/usr/sbin:/sbin`;

/** Runs a program to its end. @returns what it printed, stderr included; undefined when it is not installed or fails */
export function outputOf(command: string, ...args: readonly string[]): string | undefined {
  const env = { ...process.env, PATH: PATH_WITH_SBIN };
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', env });
  return status === 0 ? stdout + stderr : undefined;
}
