/** Whether an answer comes within a time, on a machine that may be busy with other things. */
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * What a call answers within so many ms, or `late`. At the end of them the sidecar is asked for something else: what was due
 * before is answered before that, also when the machine has let neither of us do anything for a while.
 */
export async function withinTime<T>(
  limitMs: number,
  sidecar: { readonly url: string },
  call: Promise<T>,
): Promise<T | 'late'> {
  const late = sleep(limitMs, undefined, { ref: false }).then(async () => {
    await (await fetch(`${sidecar.url}/livez`)).text();
    return 'late' as const;
  });
  // Once the call has answered, the sidecar may be gone.
  late.catch(() => undefined);
  return Promise.race([call, late]);
}
