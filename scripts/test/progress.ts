/** Which tests are under way, and which files have been silent for too long to end by themselves. */
import { resolve } from 'node:path';
import type { run } from 'node:test';

export interface Progress {
  /** A line for each file that is being run. */
  underWay(): string[];
}

const LOOK_EVERY_MS = 1_000;
/** A test, and hooks before and behind it, have a deadline each; a process that does not even keep these is blocked. */
const SILENT_DEADLINES = 3;

interface FileUnderWay {
  readonly file: string;
  /** The test, below the ones that it is part of. */
  readonly names: string[];
  heardAt: number;
}

/** Of one test or, with the file as its name, of a whole file. */
interface TestEvent {
  readonly name: string;
  readonly nesting: number;
  readonly file?: string | undefined;
  /** Another file may have declared the test. Newer than @types/node. */
  readonly entryFile?: string;
}

/**
 * @param files as handed to `run`, relative to `folder` @param timeoutMs deadline of one test
 * @param onSilent told once of a file, with a sentence
 */
export function watchProgress(
  tests: ReturnType<typeof run>,
  { files, folder, timeoutMs }: { files: readonly string[]; folder: string; timeoutMs: number },
  onSilent: (file: string, sentence: string) => void,
): Progress {
  const underWay = new Map<string, FileUnderWay>();
  const pathOf = (name: string) => resolve(folder, name);
  const isWholeFile = ({ name, nesting }: TestEvent) => nesting === 0 && files.includes(name);
  const under = ({ entryFile, file = '' }: TestEvent) => underWay.get(pathOf(entryFile ?? file));
  // These events come at once; the others when it is the turn of their file to be printed.
  tests.on('test:dequeue', (event: TestEvent) => {
    if (isWholeFile(event)) {
      const { name: file } = event;
      underWay.set(pathOf(file), { file, names: [], heardAt: performance.now() });
    } else under(event)?.names.splice(event.nesting, Number.POSITIVE_INFINITY, event.name);
    hear(under(event));
  });
  tests.on('test:complete', (event: TestEvent) => {
    if (isWholeFile(event)) underWay.delete(pathOf(event.name));
    else under(event)?.names.splice(event.nesting);
    hear(under(event));
  });
  setInterval(() => {
    for (const [path, { file, names, heardAt }] of underWay) {
      const silentMs = performance.now() - heardAt;
      if (silentMs < SILENT_DEADLINES * timeoutMs) continue;
      underWay.delete(path);
      onSilent(
        file,
        `Killed, since it has said nothing for ${Math.round(silentMs / 1_000)} s: ${placeOf(file, names)}`,
      );
    }
  }, LOOK_EVERY_MS).unref();
  return { underWay: () => [...underWay.values()].map(({ file, names }) => placeOf(file, names)) };
}

function hear(file: FileUnderWay | undefined): void {
  if (file !== undefined) file.heardAt = performance.now();
}

const placeOf = (file: string, names: readonly string[]) =>
  names.length === 0 ? file : `${file}, in "${names.join(' > ')}"`;
