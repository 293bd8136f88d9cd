/**
 * Pages of reviews beside FastAPI with asyncpg, on one PostgreSQL with five million of them: what a request costs in CPU time,
 * PostgreSQL's included, for a product with a few hundred and for one with half a million. The turns are too short to disturb each other.
 */
import type { RunningProxy } from '../contenders/contender.ts';
import { fastApiVersion, startFastApiPeer } from '../contenders/fastapi-peer.ts';
import { startSidecarWith, UNASKED_STORAGE } from '../contenders/sidecar.ts';
import type { Question } from '../load/api-requests.ts';
import { REVIEWS, startReviewsDatabase } from '../reviews-database.ts';
import {
  etagQuestions,
  hotPages,
  postQuestions,
  SHAPES,
  smallPages,
  summaryQuestions,
} from '../reviews-questions.ts';
import { median } from '../statistics.ts';
import { runLoop } from './closed-loop-load.ts';
import {
  type Bench,
  blaming,
  inWindows,
  placeIn,
  type Row,
  type Sample,
  type Workload,
  type WorkloadResult,
} from './workload.ts';

const CONNECTIONS = 8;
const SERVER = `PostgreSQL 18 with default settings and ${REVIEWS.toLocaleString('en')} reviews of 20,000 products`;

/** One thing that is measured, in each round once. */
interface Cell {
  readonly proxy: RunningProxy;
  readonly questions: readonly Question[] | (() => Promise<readonly Question[]>);
  readonly exchanges: number;
  /** In the round that warms up, where nothing else takes the same way. */
  readonly firstExchanges?: number;
  readonly connections?: number;
}

export const reviews: Workload = async (bench) => {
  await using parts = new AsyncDisposableStack();
  const database = parts.use(await startReviewsDatabase(bench.cores.load, bench.say));
  const env = {
    ...{ DATABASE_URL: database.url, MIGRATE_ON_START: 'false', REVIEWS_WRITES_PER_MINUTE: '0' },
    // On a machine with other work it would refuse what it is to be measured by.
    ...{ MAX_EVENT_LOOP_DELAY_MS: '10000', ...UNASKED_STORAGE },
  };
  const withDatabase = (proxy: RunningProxy): RunningProxy => ({
    port: proxy.port,
    get pids() {
      return proxy.pids;
    },
    databaseCpuUs: database.cpuUs,
    stop: proxy.stop,
  });
  const sidecar = withDatabase(await startSidecarWith(placeIn(bench), env));
  parts.defer(async () => void (await sidecar.stop()));
  const cells = cellsOf(bench, sidecar);
  if (fastApiVersion() !== null) {
    const peer = withDatabase(await startFastApiPeer(placeIn(bench), env));
    parts.defer(async () => void (await peer.stop()));
    Object.assign(cells, peerCells(bench, peer));
  }
  return resultsOf(await measure(bench, cells));
};

type Cells = Record<string, Cell>;

function cellsOf({ quick }: Bench, proxy: RunningProxy): Cells {
  const exchanges = quick ? 60 : 600;
  const cell = (questions: Cell['questions'], count = exchanges): Cell => ({
    proxy,
    questions,
    exchanges: count,
  });
  const cells: Cells = {
    small: cell(smallPages('')),
    hot: cell(hotPages('', false)),
    deep: cell(hotPages('', true)),
    known: cell(() => etagQuestions(proxy.port)),
    summary: cell(summaryQuestions()),
    post: { ...cell(async () => postQuestions()), firstExchanges: firstPosts(quick) },
  };
  for (const shape of SHAPES) {
    cells[`small ${shape}`] = cell(smallPages(shape), exchanges / 3);
    cells[`hot ${shape}`] = cell(hotPages(shape, false), exchanges / 3);
  }
  return cells;
}

function peerCells({ quick }: Bench, proxy: RunningProxy): Cells {
  const cell = (questions: Cell['questions'], exchanges: number): Cell => ({ proxy, questions, exchanges });
  return {
    'peer small': cell(smallPages(''), quick ? 40 : 300),
    // Each reads half a million rows.
    'peer hot': { ...cell(hotPages('', false), 4), connections: 1 },
    'peer deep': { ...cell(hotPages('', true), 4), connections: 1 },
    'peer post': {
      ...cell(async () => postQuestions(), quick ? 40 : 300),
      firstExchanges: firstPosts(quick),
    },
  };
}

/** Until V8 has compiled what is hot; pages have that by their sorts and filters. */
const firstPosts = (quick: boolean) => (quick ? 60 : 4_000);

/** What the first window warms up: V8, the plans of each connection, PostgreSQL's buffers. */
function measure(bench: Bench, cells: Cells): Promise<Record<string, Sample[]>> {
  const once = async (name: string, cell: Cell, isFirst: boolean) => {
    const { proxy, questions, connections = CONNECTIONS, exchanges, firstExchanges = exchanges } = cell;
    const asked = typeof questions === 'function' ? await questions() : questions;
    const open = {
      ...({ kind: 'open-questions', port: proxy.port } as const),
      ...{ questions: asked, connections },
    };
    const { cpuUs, databaseUs, p50Us } = await blaming(name, () =>
      runLoop(bench, proxy, open, isFirst ? firstExchanges : exchanges),
    );
    return { cpuUs, databaseUs, totalUs: cpuUs + databaseUs, p50Ms: p50Us / 1000 };
  };
  const kinds = Object.entries(cells).map(
    ([name, cell]) => [name, (isFirst: boolean) => once(name, cell, isFirst)] as const,
  );
  return inWindows(bench, 'reviews', bench.rounds, Object.fromEntries(kinds));
}

const COSTS = [
  { key: 'totalUs', title: 'CPU µs with PostgreSQL', digits: 0 },
  { key: 'cpuUs', title: 'its own', digits: 0 },
  { key: 'databaseUs', title: "PostgreSQL's", digits: 0 },
  { key: 'p50Ms', title: 'p50 ms', digits: 2 },
] as const;

function resultsOf(samples: Record<string, Sample[]>): WorkloadResult[] {
  const row = (contender: string, kind: Row['kind'], name: string): Row[] =>
    samples[name] === undefined ? [] : [{ contender, kind, samples: samples[name] }];
  const result = (name: string, title: string, ...rows: Row[][]): WorkloadResult => ({
    ...{ name, title, metrics: COSTS, rows: rows.flat() },
    note: `Each with ${SERVER}. FastAPI (${fastApiVersion() ?? 'not installed here'}): a page, count and average of the product's rows.`,
  });
  const peer = (name: string) => row('FastAPI', 'native', `peer ${name}`);
  const small = row('small product', 'native', 'small');
  return [
    result('reviews', '50 reviews of a product with 225', row('sidecar', 'ours', 'small'), peer('small')),
    result('reviews hot', '50 of 500,000', row('sidecar', 'ours', 'hot'), peer('hot'), small),
    result(
      'reviews deep',
      '50 of 500,000, behind 100,000',
      row('sidecar', 'ours', 'deep'),
      peer('deep'),
      small,
    ),
    result('reviews known', 'A page that is known: 304', row('sidecar', 'ours', 'known'), small),
    result('reviews summary', 'Summaries of 100 products', row('sidecar', 'ours', 'summary'), small),
    result(
      'reviews post',
      'A new review; FastAPI: INSERT into a table without triggers',
      row('sidecar', 'ours', 'post'),
      peer('post'),
    ),
    shapes(samples),
  ];
}

/** Each sort and filter, each pair of them: the hot product beside the small ones. The first row is the worst of them. */
function shapes(samples: Record<string, Sample[]>): WorkloadResult {
  const rows = SHAPES.map((shape): Row => {
    const [hot = [], small = []] = [samples[`hot ${shape}`], samples[`small ${shape}`]];
    const sampled = hot.map(({ totalUs = 0 }, i) => {
      const smallUs = small[i]?.totalUs ?? Number.NaN;
      return { ratio: totalUs / smallUs, hotUs: totalUs, smallUs };
    });
    return { contender: shape, kind: 'native', samples: sampled };
  });
  const worst = rows.toSorted((a, b) => medianRatio(b) - medianRatio(a))[0];
  return {
    ...{ name: 'reviews shapes', title: 'Sorts and filters: 500,000 reviews beside 225' },
    note: `The sidecar with ${SERVER}; the first row is the one that differs most. Pages of 50, with has_media of 5.`,
    metrics: [
      { key: 'ratio', title: 'hot ÷ small', digits: 2 },
      { key: 'hotUs', title: 'hot, CPU µs with PostgreSQL', digits: 0 },
      { key: 'smallUs', title: 'small', digits: 0 },
    ],
    rows: [
      ...(worst === undefined ? [] : [{ ...worst, kind: 'ours' as const }]),
      ...rows.filter((one) => one !== worst),
    ],
  };
}

const medianRatio = ({ samples }: Row) => median(samples.map(({ ratio = 0 }) => ratio));
