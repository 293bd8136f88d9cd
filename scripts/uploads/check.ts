/** Checks that are made one after the other: what each found, and that none of them lasts longer than its time. */

export type CheckStatus = 'ok' | 'wrong' | 'not applicable' | 'could not check';

/** What a check found. */
export interface Finding {
  readonly status: CheckStatus;
  /** What was seen. Holds no secret. */
  readonly text: string;
  /** How to mend it; null when nothing has to be. */
  readonly remedy: string | null;
}

export interface CheckResult extends Finding {
  readonly name: string;
}

export interface Check<Scene> {
  readonly name: string;
  /** Names of earlier checks: unless they are ok this one cannot be made. */
  readonly needs: readonly string[];
  /** @param signal ends with the time of the check, or when all is stopped */
  run(scene: Scene, signal: AbortSignal): Promise<Finding>;
}

export interface CheckOptions {
  /** Of each, ms. */
  readonly stepTimeoutMs: number;
  /** No further check is made. */
  readonly stop: AbortSignal;
  readonly explain: (error: unknown) => Finding;
  /** Is told each result as soon as there is one. */
  readonly onResult?: (result: CheckResult) => void;
  /** What is said of a check that could not be made. */
  readonly excuses?: Excuses;
}

export interface Excuses {
  readonly stopped: Finding;
  tooSlow(timeoutMs: number): Finding;
  /** @param first the check that has to be ok before */
  notTried(first: string): Finding;
}

export const ok = (text: string): Finding => ({ status: 'ok', text, remedy: null });
export const wrong = (text: string, remedy: string): Finding => ({ status: 'wrong', text, remedy });
export const notApplicable = (text: string): Finding => ({ status: 'not applicable', text, remedy: null });
export const unchecked = (text: string, remedy: string | null = null): Finding => ({
  status: 'could not check',
  text,
  remedy,
});

/** @throws only what `explain` throws */
export async function runChecks<Scene>(
  checks: readonly Check<Scene>[],
  scene: Scene,
  options: CheckOptions,
): Promise<CheckResult[]> {
  const { stopped, notTried, tooSlow } = options.excuses ?? EXCUSES;
  const results: CheckResult[] = [];
  for (const { name, needs, run } of checks) {
    const blocking = results.find((result) => needs.includes(result.name) && result.status !== 'ok');
    let finding: Finding;
    if (options.stop.aborted) finding = stopped;
    else if (blocking) finding = notTried(blocking.name);
    else {
      const signal = AbortSignal.any([options.stop, AbortSignal.timeout(options.stepTimeoutMs)]);
      finding = await run(scene, signal).catch((error) => {
        if (options.stop.aborted) return stopped;
        return signal.aborted ? tooSlow(options.stepTimeoutMs) : options.explain(error);
      });
    }
    const result = { name, ...finding };
    results.push(result);
    options.onResult?.(result);
  }
  return results;
}

const EXCUSES: Excuses = {
  stopped: unchecked('stopped'),
  tooSlow: (timeoutMs) =>
    unchecked(
      `no answer within ${timeoutMs / 1000} s`,
      'Is the storage slow, or does something on the way (a firewall, a proxy) swallow the request?',
    ),
  notTried: (first) => unchecked(`not tried: "${first}" comes first`),
};

/** 0: nothing wrong; 1: something is; 2: something could not be checked, and nothing is known to be wrong. */
export function statusOf(results: readonly Pick<CheckResult, 'status'>[]): 0 | 1 | 2 {
  if (results.some(({ status }) => status === 'wrong')) return 1;
  return results.some(({ status }) => status === 'could not check') ? 2 : 0;
}
