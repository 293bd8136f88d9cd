/**
 * Loaded before the sidecar in `npm run dev` (`node --import …/preload.ts?link=FILE`), and nowhere else: observes its
 * requests for the console. The sidecar's code knows nothing of it.
 */
import { readFileSync } from 'node:fs';
import { NO_FAULTS } from '../faults.ts';
import type { Link } from '../messages.ts';
import { observeParts } from './away.ts';
import { observeBackendSockets } from './backend-sockets.ts';
import { createConsoleAnswers } from './console-answers.ts';
import { observeRequests } from './requests.ts';
import { Sender } from './sender.ts';
import { observeSteps } from './steps.ts';
import { putIn } from './web-socket-lines.ts';

const file = new URL(import.meta.url).searchParams.get('link');
// `node --watch` loads it as well, in a process that only watches.
if (file !== null && process.env.PORT !== undefined) {
  const link: Link = JSON.parse(readFileSync(file, 'utf8'));
  let faults = NO_FAULTS;
  const setAway = observeParts(link);
  const sender = new Sender(link, (message) => {
    if (message.type === 'frame') putIn(message.id, message.way, Buffer.from(message.frame));
    else {
      faults = message.faults;
      setAway(faults.away);
    }
  });
  observeBackendSockets(link.backend);
  observeRequests(link, { sender, answers: createConsoleAnswers(link), faults: () => faults });
  observeSteps();
}
