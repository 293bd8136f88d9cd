/** What every step of a switch is handed. */
import type { Nginx } from '../lib/nginx-command.ts';
import type { Options } from './options.ts';
import type { UpstreamFile } from './upstream-file.ts';
import type { Words } from './words.ts';

export interface Stage {
  readonly options: Options;
  readonly words: Words;
  readonly nginx: Nginx;
  readonly file: UpstreamFile;
  /** A step that went well. */
  readonly say: (line: string) => void;
  /** One that did not. */
  readonly complain: (text: string) => void;
  /** Aborted by Ctrl-C and the like. */
  readonly signal: AbortSignal;
}
