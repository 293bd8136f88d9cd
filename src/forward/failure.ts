/**
 * What the client is told when the backend fails. The sentences name no address and nothing that the backend sent.
 */
import { AppError } from '../errors.ts';
import type { BackendError } from './backend-client.ts';

/** 502 with Retry-After for a backend that is away or talks nonsense, 504 for one that is too slow. */
export function backendFailure(error: BackendError): AppError {
  switch (error.kind) {
    case 'connect':
      return badGateway('The backend cannot be reached.', error);
    case 'reset':
      return badGateway('The backend closed the connection before it answered.', error);
    case 'protocol':
      return badGateway('The backend sent an answer that cannot be understood.', error);
    case 'headers-timeout':
    case 'body-timeout':
      return new AppError(504, 'The backend did not answer in time.', { cause: error });
  }
}

const badGateway = (detail: string, cause: BackendError) =>
  new AppError(502, detail, { cause, headers: { 'Retry-After': '1' } });
