/**
 * Loaded before the sidecar in `npm run dev` (`node --import …/preload.ts?link=FILE`), and nowhere else: observes its
 * requests for the console. The sidecar's code knows nothing of it.
 */
import { readFileSync } from 'node:fs';
import type { Link } from '../messages.ts';
import { observeBackendSockets } from './backend-sockets.ts';
import { createConsoleAnswers } from './console-answers.ts';
import { observeRequests } from './requests.ts';
import { Sender } from './sender.ts';
import { observeSteps } from './steps.ts';

const file = new URL(import.meta.url).searchParams.get('link');
// `node --watch` loads it as well, in a process that only watches.
if (file !== null && process.env.PORT !== undefined) {
  const link: Link = JSON.parse(readFileSync(file, 'utf8'));
  const sender = new Sender(link);
  observeBackendSockets(link.backend);
  observeRequests(link, sender, createConsoleAnswers(link));
  observeSteps();
}
