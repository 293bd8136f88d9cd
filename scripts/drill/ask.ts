/** What a load sends, told to another process. */
import type { LoadRequest } from './sample.ts';
import { smallGets } from './small-gets.ts';
import { uploads } from './uploads.ts';

/** @param token of the user who uploads */
export type Ask = { readonly kind: 'upload'; readonly token: string } | { readonly kind: 'small GET' };

/** Makes the requests. */
export const requestsOf = (ask: Ask): (() => LoadRequest) =>
  ask.kind === 'upload' ? uploads(ask.token) : smallGets();
