/** Whether a part that we depend on is ready, and in the log why not. */
import { AppError } from '../errors.ts';
import type { Log } from './logger.ts';

/**
 * @param obstacle what stands in the way, '' when nothing does; may throw
 * @returns a check that never throws, and says in the log why not, once for each reason
 */
export function createReadinessCheck(
  part: 'database' | 'storage',
  obstacle: () => Promise<string>,
  log: Pick<Log, 'info' | 'warn'>,
): () => Promise<boolean> {
  let told = '';
  return async () => {
    const reason = await obstacle().catch(obstacleIn);
    if (reason !== told) {
      if (reason === '') log.info({}, `the ${part} is ready`);
      else log.warn({ reason }, `the ${part} is not ready`);
    }
    told = reason;
    return reason === '';
  };
}

/** What is told to clients says nothing about the part; its cause does. */
export function obstacleIn(error: unknown): string {
  const cause = error instanceof AppError ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message : String(cause);
}
