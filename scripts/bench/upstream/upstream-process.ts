/**
 * Starts the upstream.
 */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Child, startChild } from '../machine/processes.ts';

export interface Upstream {
  readonly child: Child;
  readonly port: number;
}

/** @param core undefined: not pinned @param outputFile takes what it prints */
export async function startUpstream(core: number | undefined, outputFile: string): Promise<Upstream> {
  const script = fileURLToPath(import.meta.resolve('./upstream.ts'));
  const child = startChild(process.execPath, [script], { core, env: {}, outputFile, ipc: true });
  const [address] = await once(child.process, 'message');
  return { child, port: address.port };
}
