/**
 * One run: a sidecar, a backend, the modes one after the other, and the accounts at the end.
 */
import { compareWithNginx } from './differential.ts';
import { createFindings, type Finding, type Findings } from './findings.ts';
import { startFuzzBackend } from './fuzz-backend.ts';
import { fuzzHandshakes } from './handshakes.ts';
import { type Mode, type ModeContext, runMode } from './mode.ts';
import { fuzzRequests } from './requests.ts';
import { fuzzResponses } from './responses.ts';
import {
  isSettled,
  type SidecarUnderTest,
  startSidecarUnderTest,
  untilSettled,
} from './sidecar-under-test.ts';

export const MODES = {
  requests: fuzzRequests,
  responses: fuzzResponses,
  handshakes: fuzzHandshakes,
  differential: compareWithNginx,
};

/** A seed that nobody chose. */
export const newSeed = (): number => Math.floor(Math.random() * 2 ** 32);

export type ModeName = keyof typeof MODES;

export interface RunOptions {
  readonly seed: number;
  readonly modes: readonly ModeName[];
  /** For all modes together. */
  readonly seconds: number;
  /** Where failing inputs are saved; null: only printed. */
  readonly findingsFolder: string | null;
  readonly print: (text: string) => void;
}

export interface RunResult {
  readonly cases: number;
  /** The first of every kind; empty when every invariant held. */
  readonly findings: readonly Finding[];
}

/** A mode takes its turn for this long, so that the modes alternate in a long run, ms. */
const TURN_MS = 30_000;
/** More than a turn uses. */
const SEEDS_PER_TURN = 100_000;

export async function runFuzz(options: RunOptions): Promise<RunResult> {
  const { seed, print } = options;
  print(`Seed ${seed}: run again with --seed ${seed}.\n`);
  const findings = createFindings(options.findingsFolder, seed, print);
  const backend = await startFuzzBackend();
  const sidecar = await startSidecarUnderTest(backend.port).catch(async (error) => {
    await backend.stop();
    throw error;
  });
  try {
    const baseline = sidecar.descriptors();
    const memory = watchMemory(sidecar);
    const cases = await takeTurns(options, { sidecar, backend }, findings, memory);
    const descriptors = await untilSettled(sidecar, baseline);
    if (!(await sidecar.isAlive())) findings.add('the process has died', { pid: sidecar.pid });
    else if (!isSettled(descriptors, baseline)) {
      findings.add('descriptors are left open', { baseline, descriptors });
    }
    if (await sidecar.isAlive()) await memory.checkpoint();
    if (memory.grows()) findings.add('the memory grows', { checkpointsMiB: memory.checkpointsMiB() });
    print(
      `Descriptors: ${baseline} before, ${descriptors} after. Heap in MiB: ${memory.checkpointsMiB().join(' ')}.\n`,
    );
    return { cases, findings: findings.kinds };
  } finally {
    for (const [what, count] of findings.counts) print(`${String(count).padStart(6)} × ${what}\n`);
    await sidecar.stop();
    await backend.stop();
  }
}

async function takeTurns(
  options: RunOptions,
  context: ModeContext,
  findings: Findings,
  memory: MemoryWatch,
): Promise<number> {
  const end = Date.now() + options.seconds * 1_000;
  // The comparison lists what it has seen at its end, so it has one turn.
  const longestMs = options.modes.includes('differential') ? options.seconds * 1_000 : TURN_MS;
  const turnMs = Math.min(longestMs, (options.seconds * 1_000) / options.modes.length);
  let cases = 0;
  for (let turn = 0; Date.now() < end - 100; turn += 1) {
    const name = options.modes[turn % options.modes.length] ?? 'requests';
    const until = Math.min(end, Date.now() + turnMs);
    const mode = (await MODES[name](context)) as Mode<unknown>;
    const seed = options.seed + turn * SEEDS_PER_TURN;
    const ran = await runMode(mode, { seed, until, findings });
    await context.sidecar.barrier().catch(() => undefined);
    for (const line of context.sidecar.takeComplaints()) findings.add('the log complains', { line });
    cases += ran;
    options.print(`${name}: ${ran} cases\n`);
    if (!(await context.sidecar.isAlive())) break;
    await memory.checkpoint();
  }
  return cases;
}

const MIB = 1024 * 1024;
/** What caches that have a limit may still take after the warm-up, bytes. */
const MOST_GROWTH = 16 * MIB;
/** By then every mode has had a turn, and code that is loaded late is there. */
const WARM_UP_TURNS = 3;

type MemoryWatch = ReturnType<typeof watchMemory>;

function watchMemory(sidecar: SidecarUnderTest) {
  const checkpoints: number[] = [];
  return {
    async checkpoint() {
      checkpoints.push(await sidecar.heap());
    },
    /** What is in use at the end is well above what was after the warm-up. */
    grows() {
      const warm = checkpoints[Math.min(WARM_UP_TURNS, checkpoints.length) - 1] ?? 0;
      return (checkpoints.at(-1) ?? 0) > warm + MOST_GROWTH;
    },
    checkpointsMiB: () => checkpoints.map((bytes) => Math.round((bytes / MIB) * 10) / 10),
  };
}
