/**
 * Four times the load that its core can carry, of requests that cost little more than a refusal (docs/forwarding.md, 19): small
 * GETs that are forwarded.
 */
import { sidecar } from '../../bench/contenders/sidecar.ts';
import { chooseCores } from '../../lab/cores.ts';
import { makeScratchFolder } from '../../lab/scratch-folder.ts';
import { startWorker } from '../../lab/worker.ts';
import { overloadCore, type Phase } from '../core-overload.ts';
import { coreOverloadReport, percent } from '../core-overload-report.ts';
import { type Drill, measured, some, told } from '../drill.ts';

/** Enough to keep the core busy, few enough that nobody waits long. */
const PEAK_CLIENTS = 64;
/** With less its sender was the bottleneck, which shares its core with the backend, and neither peak nor overload were any. */
const LEAST_BUSY_PERCENT = 85;

/**
 * The aim, which fast machines do not give: among 2,000 that wait a request costs more than among 64 whoever forwards it; 0.8 of the
 * throughput is left to node:http there, 0.6 to nginx (npm run bench -- --only crowd --peers floor-http,nginx).
 */
const LEAST_GOODPUT = 85;

/** Requests that wait outlive V8's young generation, so that what is left of them is collected later. */
const MAX_GROWTH_MIB = 192;

export const overloadCheap: Drill = {
  name: 'overload-cheap',
  summary: 'Four times the small GETs that its core can carry: goodput holds, whoever must wait waits.',
  async run({ seconds }) {
    await using parts = new AsyncDisposableStack();
    const cores = chooseCores();
    const upstream = import.meta.resolve('../../bench/upstream/upstream.ts');
    const backend = parts.use(startWorker<object, { port: number }>(upstream, { core: cores.load }));
    const { port: upstreamPort } = await backend.do({});
    const folder = makeScratchFolder('drill');
    parts.defer(folder.remove);
    // Its log goes to a file: thousands of lines a second would take a reader's time, and so the sender's.
    const proxy = await sidecar.start({ upstreamPort, core: cores.proxy, folder });
    parts.defer(async () => void (await proxy.stop()));
    const { port, pids } = proxy;
    const pid = pids[0] ?? Number.NaN;
    const ask = { kind: 'small GET' } as const;
    const result = await overloadCore({ port, pid, seconds, ask, peakClients: PEAK_CLIENTS });
    const { peaks, overs } = result;
    const wanted = overs.map(({ sent, unsent }, round) => (sent + unsent) / (peaks[round]?.goodput ?? 0));
    return coreOverloadReport(result, {
      ...{ pid, doubledPosts: 0, leastGoodput: LEAST_GOODPUT, maxGrowthMib: MAX_GROWTH_MIB },
      figures: [
        // Who waits on a kept connection does not send: that much is not sent is what shall happen.
        told('load that clients had, % of the peak', percent(Math.min(...wanted))),
        busy('core time that the sidecar used at the peak, %', peaks),
        busy('the same under overload', overs),
      ],
    });
  },
};

const busy = (what: string, phases: readonly Phase[]) =>
  measured(some(what, percent(Math.min(...phases.map(({ coreUsed }) => coreUsed))), LEAST_BUSY_PERCENT));
