/**
 * A limit of requests in flight is meant for a backend that is slow. Where this process is what is slow, answers have long arrived and
 * wait to be read, and their requests count as in flight all the same. So nobody is refused before everything that is ready
 * has been read; then it shows who is slow.
 */
import type { HttpForwarder } from './http.ts';

/** @param isFull whether `forward` would refuse the next request */
export function withSecondLook(forward: HttpForwarder, isFull: () => boolean): HttpForwarder {
  let waiting: Parameters<HttpForwarder>[] = [];

  const lookAgain = () => {
    const first = waiting;
    waiting = [];
    const isBackendSlow = isFull();
    for (const request of first) {
      const [, res] = request;
      if (!isBackendSlow && isFull()) waiting.push(request);
      else if (!res.destroyed) forward(...request);
    }
    if (waiting.length > 0) setImmediate(lookAgain);
  };

  return (...request) => {
    // In turn: whoever waits has come first.
    if (waiting.length === 0 && !isFull()) forward(...request);
    else if (waiting.push(request) === 1) setImmediate(lookAgain);
  };
}
