/** What keeps this process alive, in words. */
import { ChildProcess } from 'node:child_process';
import { type AddressInfo, Server, Socket } from 'node:net';

/** A line each: child processes, listening servers and connections, then all kinds of resources with their number. */
export function openThings(): string[] {
  // Private, and the only way from a kind to the thing: process.getActiveResourcesInfo() gives names.
  const { _getActiveHandles } = process as unknown as { _getActiveHandles(): unknown[] };
  const known = _getActiveHandles()
    .map(describe)
    .filter((line) => line !== undefined);
  const kinds = Map.groupBy(process.getActiveResourcesInfo(), (kind) => kind);
  return [...known, [...kinds].map(([kind, { length }]) => `${length} × ${kind}`).join(', ')];
}

function describe(handle: unknown): string | undefined {
  if (handle instanceof ChildProcess) return `process ${handle.pid}: ${handle.spawnargs.join(' ')}`;
  if (handle instanceof Server) return `listens on ${addressText(handle.address())}`;
  if (!(handle instanceof Socket) || handle.remotePort === undefined) return undefined;
  return `connection ${handle.localAddress}:${handle.localPort} to ${handle.remoteAddress}:${handle.remotePort}`;
}

const addressText = (address: AddressInfo | string | null) =>
  typeof address === 'object' ? `${address?.address}:${address?.port}` : address;
