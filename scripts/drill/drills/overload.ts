/** Four times the load that can be carried (docs/forwarding.md, 19). */
import { type Drill, measured, none, report, some, told } from '../drill.ts';
import { arrivals, loadFor } from '../load.ts';
import { watchMemory } from '../process-watch.ts';
import { mixed } from '../requests.ts';
import { isAnswered, isRefused, quantileMs, type Sample } from '../sample.ts';
import { startScene } from '../scene.ts';

const MAX_IN_FLIGHT = 20;
const BACKEND_DELAY_MS = 100;
const OVERLOAD = 4;
const LEAST_GOODPUT = 0.8;
const MAX_CONNECTIONS = 500;
const MAX_GROWTH_MIB = 64;

export const overload: Drill = {
  name: 'overload',
  summary:
    'Four times the load that it can carry: goodput holds, the rest is 503 at once, memory is bounded.',
  async run({ seconds, backend: kind }) {
    await using scene = await startScene({ kind }, { MAX_IN_FLIGHT: String(MAX_IN_FLIGHT) });
    const { port, pid } = scene.sidecar;
    const next = mixed({ delayMs: BACKEND_DELAY_MS });
    // As many clients as there are places find the peak: nobody is refused and no place is ever empty for long.
    const peakMs = (seconds * 1000) / 3;
    const atPeak = await loadFor(peakMs, { port, clients: MAX_IN_FLIGHT, everyMs: 0, next });
    const peak = goodput(atPeak, peakMs);

    const memory = watchMemory(pid);
    const forMs = (seconds * 1000 * 2) / 3;
    const perSecond = OVERLOAD * peak;
    const over = await arrivals({ perSecond, forMs, more: { port, atMost: MAX_CONNECTIONS }, next });
    const { growthMib } = await memory.end();
    const refused = over.samples.filter(isRefused);
    return report({
      samples: [...atPeak, ...over.samples],
      doubledPosts: scene.backend.arrivals().doubledPosts,
      figures: [
        told('right answers a second at the peak', Math.round(peak)),
        measured(
          some(
            'the same under overload',
            Math.round(goodput(over.samples, forMs)),
            Math.ceil(LEAST_GOODPUT * peak),
          ),
        ),
        none('requests refused at the peak', atPeak, isRefused),
        some('requests refused under overload', refused),
        none('refusals other than 503', refused, ({ status }) => status !== 503),
        measured({
          what: 'median time of a refusal, ms',
          found: quantileMs(refused, 0.5),
          atMost: BACKEND_DELAY_MS / 2,
        }),
        measured(none('arrivals that the load generator could not send', over.unsent)),
        { what: 'growth of memory, MiB', found: growthMib, atMost: MAX_GROWTH_MIB },
      ],
    });
  },
};

/** Right answers a second. */
const goodput = (samples: readonly Sample[], ms: number): number =>
  (samples.filter(isAnswered).length / ms) * 1000;
