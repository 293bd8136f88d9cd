/** All areas, one after the other: what each check found. */
import { type CheckOptions, type CheckResult, runChecks, unchecked } from '../uploads/check.ts';
import type { AreaName } from './arguments.ts';
import { backendChecks } from './backend.ts';
import { clockChecks } from './clock.ts';
import { databaseChecks } from './database.ts';
import { reasonOf } from './http-get.ts';
import { nginxResults } from './nginx.ts';
import type { Result } from './output.ts';
import { type DoctorCheck, limited, type Scene } from './scene.ts';
import { settingsChecks } from './settings.ts';
import { storageResults } from './storage.ts';
import { systemChecks } from './system.ts';
import { userChecks } from './user.ts';
import { workChecks } from './work.ts';

type Area = (scene: Scene, options: CheckOptions) => Promise<CheckResult[]>;

const made =
  (checks: readonly DoctorCheck[]): Area =>
  (scene, options) =>
    runChecks(checks.map(limited), scene, options);

const MAKERS: Readonly<Record<AreaName, Area>> = {
  settings: made(settingsChecks),
  user: made(userChecks),
  clock: made(clockChecks),
  backend: made(backendChecks),
  database: made(databaseChecks),
  storage: storageResults,
  nginx: nginxResults,
  system: made(systemChecks),
  work: made(workChecks),
};

export interface ExamineOptions {
  readonly stop: AbortSignal;
  /** Takes secrets out of a text. */
  readonly redact: (text: string) => string;
  /** Is told each result as soon as there is one. */
  readonly onResult: (result: Result) => void;
}

export async function examine(scene: Scene, { stop, redact, onResult }: ExamineOptions): Promise<Result[]> {
  const { words, options } = scene;
  const results: Result[] = [];
  for (const area of options.only) {
    await MAKERS[area](scene, {
      ...{ stepTimeoutMs: options.stepTimeoutMs, stop },
      explain: (error) => unchecked(words.defect(reasonOf(error))),
      excuses: {
        stopped: unchecked(words.stopped),
        tooSlow: (timeoutMs) => unchecked(words.tooSlow(timeoutMs / 1000), words.tooSlowRemedy),
        notTried: (first) => unchecked(words.notTried(first)),
      },
      onResult: ({ text, remedy, ...result }) => {
        const found = { area, ...result, text: redact(text), remedy: remedy && redact(remedy) };
        results.push(found);
        onResult(found);
      },
    });
  }
  return results;
}
