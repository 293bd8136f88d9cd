/** Which request something belongs to: what runs because of a request runs in its context. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { requestIdOf } from '../../../../src/edge/request-id.ts';
import type { Capture } from './capture.ts';

const context = new AsyncLocalStorage<Capture>();
const underWay = new Set<Capture>();

export const runFor = <T>(capture: Capture, act: () => T): T => context.run(capture, act);

export const currentCapture = (): Capture | undefined => context.getStore();

export function begin(capture: Capture): void {
  underWay.add(capture);
}

export function finish(capture: Capture): void {
  underWay.delete(capture);
}

/**
 * The one whose head goes to the backend. A request that is sent a second time is sent in the context of the one that
 * opened the connection, so the id in the head has the last word.
 */
export function captureOfHead(head: string): Capture | undefined {
  const current = currentCapture();
  const id = /\r\nx-request-id: *([^\r]+)/i.exec(head)?.[1];
  if (id === undefined || (current !== undefined && requestIdOf(current.req) === id)) return current;
  for (const capture of underWay) if (requestIdOf(capture.req) === id) return capture;
  return current;
}
