/**
 * What the sidecar has set itself: relative to peers, and absolute. `must` is promised, `stretch` is wished for.
 */
import { figure, type Metric, type Row, type WorkloadResult } from '../workloads/workload.ts';

interface Limits {
  readonly workload: string;
  readonly must?: number;
  readonly stretch?: number;
}

/** The sidecar's figure divided by a peer's. */
interface RatioGoal extends Limits {
  readonly against: string | 'every Node peer';
  readonly limit: 'at most' | 'at least';
}

/** The sidecar's own figure must not be above. */
interface AbsoluteGoal extends Limits {
  /** Key of the metric. */
  readonly metric: string;
  readonly unit: string;
}

const EVERY_NODE_PEER = 'every Node peer';

const RATIO_GOALS: readonly RatioGoal[] = [
  { workload: 'GET', against: 'hpm', limit: 'at most', must: 0.32, stretch: 0.28 },
  { workload: 'GET', against: 'fastify', limit: 'at most', must: 0.55, stretch: 0.48 },
  { workload: 'GET', against: 'nginx', limit: 'at most', must: 1.6, stretch: 1.4 },
  { workload: 'POST', against: 'hpm', limit: 'at most', must: 0.36, stretch: 0.32 },
  { workload: 'POST', against: 'fastify', limit: 'at most', must: 0.58, stretch: 0.5 },
  { workload: 'POST', against: 'nginx', limit: 'at most', must: 1.8, stretch: 1.6 },
  { workload: 'refusal', against: 'small GET', limit: 'at most', must: 0.5, stretch: 0.35 },
  { workload: 'latency', against: 'nginx', limit: 'at most', must: 1.25, stretch: 1.1 },
  { workload: 'download', against: EVERY_NODE_PEER, limit: 'at least', must: 1 },
  { workload: 'download', against: 'nginx', limit: 'at least', must: 0.7, stretch: 1 },
  { workload: 'upload', against: EVERY_NODE_PEER, limit: 'at least', must: 1 },
  { workload: 'upload', against: 'haproxy', limit: 'at least', must: 0.95, stretch: 1 },
  { workload: 'websocket', against: EVERY_NODE_PEER, limit: 'at most', must: 1 },
  { workload: 'websocket', against: 'nginx', limit: 'at most', must: 1.1, stretch: 1 },
  { workload: 'startup', against: 'hpm', limit: 'at most', must: 1.2, stretch: 1 },
  { workload: 'uploads', against: 'FastAPI', limit: 'at most', must: 0.75, stretch: 0.5 },
  { workload: 'reviews', against: 'FastAPI', limit: 'at most', must: 0.4, stretch: 0.28 },
  { workload: 'reviews hot', against: 'FastAPI', limit: 'at most', must: 0.03 },
  { workload: 'reviews hot', against: 'small product', limit: 'at most', must: 1.5 },
  { workload: 'reviews deep', against: 'FastAPI', limit: 'at most', must: 0.03 },
  { workload: 'reviews deep', against: 'small product', limit: 'at most', must: 1.5 },
  { workload: 'reviews known', against: 'small product', limit: 'at most', must: 0.25 },
  { workload: 'reviews summary', against: 'small product', limit: 'at most', must: 2 },
  { workload: 'reviews post', against: 'FastAPI', limit: 'at most', must: 1, stretch: 0.8 },
];

const ABSOLUTE_GOALS: readonly AbsoluteGoal[] = [
  { workload: 'download', metric: 'downloadGrowthMb', unit: 'MB of growth', must: 40 },
  { workload: 'upload', metric: 'uploadGrowthMb', unit: 'MB of growth', must: 40 },
  { workload: 'idle', metric: 'eachKb', unit: 'KB', must: 8, stretch: 6 },
  { workload: 'log', metric: 'percent', unit: '%', must: 15 },
  // What processes differ by: a look-up is less than a hundredth of a small GET (decision 0002).
  { workload: 'routes', metric: 'ratio', unit: 'times', must: 1.05 },
  { workload: 'reviews shapes', metric: 'ratio', unit: 'times', must: 2, stretch: 1.3 },
  { workload: 'startup', metric: 'rssMb', unit: 'MB', must: 90, stretch: 75 },
];

export interface Verdict {
  readonly met: boolean;
  /** E.g. `≤ 0.45`. */
  readonly limit: string;
}

export interface Outcome {
  readonly workload: string;
  /** The row that it is shown in: the peer's, or ours when it is absolute. */
  readonly contender: string;
  readonly value: number;
  readonly must?: Verdict;
  readonly stretch?: Verdict;
}

/** The goals that a result can be held against; none for what did not take part. */
export function outcomesOf(result: WorkloadResult): Outcome[] {
  const ours = result.rows.find((row) => row.kind === 'ours');
  if (ours === undefined) return [];
  const [main] = result.metrics;
  const ratios = RATIO_GOALS.filter((goal) => goal.workload === result.name).flatMap((goal) =>
    peersOf(result.rows, goal).map((peer) =>
      outcome(goal, peer.contender, ratio(ours, peer, main), goal.limit === 'at most' ? '≤' : '≥', ''),
    ),
  );
  const absolutes = ABSOLUTE_GOALS.filter((goal) => goal.workload === result.name).flatMap((goal) => {
    const metric = result.metrics.find(({ key }) => key === goal.metric);
    return metric === undefined
      ? []
      : outcome(goal, ours.contender, figure(ours, metric), '≤', ` ${goal.unit}`);
  });
  return [...absolutes, ...ratios];
}

/** The sidecar's main figure divided by a peer's. */
export const ratio = (ours: Row, peer: Row, main: Metric): number => figure(ours, main) / figure(peer, main);

const peersOf = (rows: readonly Row[], { against }: RatioGoal): Row[] =>
  rows.filter((row) => (against === EVERY_NODE_PEER ? row.kind === 'node' : row.contender === against));

function outcome(limits: Limits, contender: string, value: number, sign: '≤' | '≥', unit: string): Outcome {
  const verdict = (limit: number): Verdict => ({
    met: sign === '≤' ? value <= limit : value >= limit,
    limit: `${sign} ${limit}${unit}`,
  });
  return {
    workload: limits.workload,
    contender,
    value,
    ...(limits.must === undefined ? {} : { must: verdict(limits.must) }),
    ...(limits.stretch === undefined ? {} : { stretch: verdict(limits.stretch) }),
  };
}
