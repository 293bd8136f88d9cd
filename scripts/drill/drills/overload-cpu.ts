/** Four times the load that its core can carry (docs/forwarding.md, 19). */
import { chooseCores, moveTo } from '../../lab/cores.ts';
import { startTestDatabase } from '../../lab/database.ts';
import { isAlive, watchCore } from '../../lab/proc.ts';
import { until } from '../../lab/programs.ts';
import { LATE_AS_IN_PRODUCTION } from '../../lab/sidecar.ts';
import { untilMigrated } from '../../lab/until-migrated.ts';
import { startWorker, type Worker } from '../../lab/worker.ts';
import { KeepAliveClient } from '../client.ts';
import { type Drill, type Figure, measured, none, report, some, told } from '../drill.ts';
import { type ArrivalResult, startLoad } from '../load.ts';
import type { LoadCommand } from '../load-program.ts';
import { watchMemory } from '../process-watch.ts';
import { type LoadRequest, longestMs, parseJson, quantileMs, type Sample } from '../sample.ts';
import { startScene } from '../scene.ts';
import { makeUploadScene, uploads } from '../uploads.ts';

/** Enough to keep the core busy, few enough that nobody waits long. */
const CLIENTS = 16;
const OVERLOAD = 4;
/** With less it was no drill of four times the load. */
const LEAST_OVERLOAD_PERCENT = 380;
const LEAST_GOODPUT_PERCENT = 80;
/** An open loop needs one for every request that waits. Bounds the generator's memory, too. */
const MAX_CONNECTIONS = 2_000;
const CONNECTIONS_PER_SECOND = 400;
const MAX_GROWTH_MIB = 128;
const PROBE_EVERY_MS = 250;

export const overloadCpu: Drill = {
  name: 'overload-cpu',
  summary: 'Four times the requests that its core can carry: goodput holds, the rest is 503, it stays alive.',
  async run({ seconds, backend: kind }) {
    await using postgres = await startTestDatabase();
    const { env, token } = await makeUploadScene(postgres.url);
    await using scene = await startScene({ kind }, { ...LATE_AS_IN_PRODUCTION, ...env });
    await untilMigrated(postgres.url);
    const { port, pid } = scene.sidecar;
    const cores = chooseCores();
    moveTo(cores.proxy, pid);
    const program = import.meta.resolve('../load-program.ts');
    await using generator: LoadGenerator = startWorker(program, { core: cores.load });
    const forMs = (seconds * 1000) / (1 + 1 + 2 + 1 + 2 + 1);
    const peak = () =>
      runPhase(generator, pid, { kind: 'closed-loop', port, token, clients: CLIENTS, forMs });
    const connections = Math.min(MAX_CONNECTIONS, Math.ceil(seconds * CONNECTIONS_PER_SECOND));
    const overloaded = async (perSecond: number) => {
      await generator.do({ kind: 'open', port, connections });
      const phase = runPhase(generator, pid, { kind: 'open-loop', port, token, perSecond, forMs: 2 * forMs });
      const probes = startLoad({ port, clients: 1, everyMs: PROBE_EVERY_MS, next: livez });
      const over = await phase;
      alive.push(...(await probes.stop()));
      await untilAnswered(port, token);
      return over;
    };

    // For the compiler; what counts is a process that has been running for a while.
    await peak();
    const alive: Sample[] = [];
    const peaks = [await peak()];
    const overs: Phase[] = [];
    const memory = watchMemory(pid);
    // In turns, so that a machine that gets slower or faster meanwhile does not decide.
    for (let round = 0; round < 2; round += 1) {
      overs.push(await overloaded(OVERLOAD * (peaks[round]?.goodput ?? 0)));
      peaks.push(await peak());
    }
    const { mostMib, growthMib } = await memory.end();
    const over = overs.flatMap(({ samples }) => samples);
    return report({
      samples: [...peaks.flatMap(({ samples }) => samples), ...over, ...alive],
      doubledPosts: scene.backend.arrivals().doubledPosts,
      figures: [
        ...loadFigures(peaks, overs),
        measured(none('requests refused at the peak', peaks[0]?.samples.filter(isRefused).length ?? 0)),
        ...answerFigures(over),
        some('answers of /livez under overload', alive.filter(isAnswered)),
        told('slowest answer of /livez, ms', longestMs(alive)),
        none('processes that ended', isAlive(pid) ? 0 : 1),
        told('largest memory, MiB', mostMib),
        { what: 'growth of memory, MiB', found: growthMib, atMost: MAX_GROWTH_MIB },
      ],
    });
  },
};

type LoadGenerator = Worker<LoadCommand, ArrivalResult>;

interface Phase {
  readonly samples: readonly Sample[];
  /** Right answers a second that came while requests were sent. */
  readonly goodput: number;
  /** Requests sent a second. */
  readonly offered: number;
  /** Part of the time in which the core was not somebody else's. */
  readonly coreShare: number;
}

async function runPhase(generator: LoadGenerator, pid: number, command: LoadCommand): Promise<Phase> {
  const coreShare = watchCore(pid);
  const { samples, sendingMs } = await generator.do(command);
  const endsAt = samples.reduce((least, { startedAt }) => Math.min(least, startedAt), Infinity) + sendingMs;
  const inTime = samples.filter(({ outcome, endedAt }) => outcome === 'answered' && endedAt <= endsAt);
  return {
    samples,
    goodput: (inTime.length * 1000) / sendingMs,
    offered: (samples.length * 1000) / sendingMs,
    coreShare: coreShare(),
  };
}

/** Other processes may take the core: what counts is the time that the sidecar could have had it. */
function loadFigures(peaks: readonly Phase[], overs: readonly Phase[]): Figure[] {
  const goodput = ({ goodput, coreShare }: Phase) => goodput / coreShare;
  const [first, second, third] = peaks.map(goodput) as [number, number, number];
  const peak = (first + 2 * second + third) / 4;
  const offered = overs.map((over, round) => over.offered / (peaks[round]?.goodput ?? 0));
  const right = 'right answers a second';
  return [
    ...peaks.map((phase, i) => told(`${right} at the peak (${i + 1})`, Math.round(phase.goodput))),
    ...overs.map((phase, i) => told(`${right} under overload (${i + 1})`, Math.round(phase.goodput))),
    told('requests sent a second under overload', Math.round(mean(overs.map(({ offered }) => offered)))),
    told(
      'core time that others left to the sidecar, at least, %',
      percent(Math.min(...[...peaks, ...overs].map(({ coreShare }) => coreShare))),
    ),
    measured(
      some('load that was really sent, % of the peak', percent(Math.min(...offered)), LEAST_OVERLOAD_PERCENT),
    ),
    measured(
      some(
        'goodput under overload, % of the peak',
        percent(mean(overs.map(goodput)) / peak),
        LEAST_GOODPUT_PERCENT,
      ),
    ),
  ];
}

function answerFigures(over: readonly Sample[]): Figure[] {
  const refused = over.filter(isRefused);
  const answered = over.filter(isAnswered);
  return [
    measured(some('requests refused under overload', refused)),
    none('refusals other than 503', refused, ({ status }) => status !== 503),
    told('median time of a refusal, ms', quantileMs(refused, 0.5)),
    told('median time of an answer, ms', quantileMs(answered, 0.5)),
    told('99 % of the answers within, ms', quantileMs(answered, 0.99)),
  ];
}

const isAnswered = ({ outcome }: Sample): boolean => outcome === 'answered';
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
const isRefused = ({ outcome }: Sample): boolean => outcome === 'refused';
const percent = (part: number): number => Math.round(part * 100);

/** As a supervisor asks: on a connection of its own each time. */
const livez = (): LoadRequest => ({
  id: 'livez',
  label: 'GET /livez',
  method: 'GET',
  bytes: 'GET /livez HTTP/1.1\r\nHost: shop.example.com\r\nConnection: close\r\n\r\n',
  isRight: ({ body }) => parseJson(body)?.status === 'ok',
});

async function untilAnswered(port: number, token: string): Promise<void> {
  const client = new KeepAliveClient(port);
  const next = uploads(token);
  await until(
    'an answer after the overload',
    async () => (await client.perform(next())).outcome === 'answered',
  );
  client.close();
}
