/** What the checks of Nginx share. */
import type { Check } from '../uploads/check.ts';
import type { NginxCopy } from './nginx-copy.ts';
import type { ApiServer } from './nginx-tree.ts';
import type { Scene } from './scene.ts';

export interface NginxScene extends Scene {
  /** What is found on the way. */
  readonly nginx: { api: ApiServer | null; copy: NginxCopy | null };
}

export type NginxCheck = Check<NginxScene>;

export const CONFIGURATION = 'configuration';
export const COPY = 'private copy';
