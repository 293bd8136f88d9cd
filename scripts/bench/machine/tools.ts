/**
 * Programs that may or may not be on this machine.
 */
import { spawnSync } from 'node:child_process';

/** Runs a program to its end. @returns what it printed, stderr included; undefined when it is not installed or fails */
export function outputOf(command: string, ...args: readonly string[]): string | undefined {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? stdout + stderr : undefined;
}
