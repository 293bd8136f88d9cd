/**
 * What the client is told when the backend fails. The sentences name no address and nothing that the backend sent.
 */
import { AppError } from '../errors.ts';
import type { BackendError } from './backend-client.ts';

/** 502 with Retry-After for a backend that is away or talks nonsense, 504 for one that is too slow. */
export const backendFailure = (error: BackendError): AppError =>
  new AppError(KEYS[error.kind], { cause: error });

const KEYS = {
  connect: 'backend_unreachable',
  reset: 'backend_broke_off',
  protocol: 'backend_unintelligible',
  'headers-timeout': 'backend_timeout',
  'body-timeout': 'backend_timeout',
} as const satisfies Readonly<Record<BackendError['kind'], string>>;
