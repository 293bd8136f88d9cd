/**
 * Requests that are forwarded and cost the sidecar as little as any: the small GETs of the bench, to its upstream, which is
 * cheaper than the backend of the drills.
 */
import { getRequest, PRODUCTS, productBody } from '../bench/traffic.ts';
import type { LoadRequest } from './sample.ts';

/** Ready-made: the sender shares its core with the backend. */
const requests = Array.from({ length: PRODUCTS }, (_, product): LoadRequest => {
  const body = productBody(product).toString('latin1');
  return {
    id: 'small-get',
    label: 'small GET',
    method: 'GET',
    bytes: getRequest(product).toString('latin1'),
    isRight: (answer) => answer.body === body,
  };
});

/** Makes small GETs, of one product after the other. */
export function smallGets(): () => LoadRequest {
  let count = 0;
  return () => {
    count += 1;
    return requests[count % PRODUCTS] as LoadRequest;
  };
}
