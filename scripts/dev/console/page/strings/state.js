/** Every word of the page State. */
const seconds = (count) => (count < 120 ? `${Math.round(count)} s` : `${Math.round(count / 60)} min`);

export const STATE = {
  title: 'State',
  about: 'The parts as they are now, looked at every other second while this page is open.',
  parts: 'Parts',
  partNames: {
    sidecar: 'Sidecar',
    backend: 'Backend',
    database: 'PostgreSQL',
    storage: 'Object store',
    nginx: 'Nginx',
  },
  states: { ok: 'ok', down: 'down', absent: 'none' },
  data: 'Demo data',
  dataAbout:
    '50 products, 2,000 reviews in Russian, Uzbek and English, with replies, votes and pictures. Always the same; what is there stays.',
  fill: 'Put demo data in',
  reset: 'Reset everything',
  sets: 'Sets',
  setsAbout: 'A set is the whole database and all files, as they are at this moment.',
  noSets: 'None is saved yet.',
  ownDatabase: 'The database is your own (DATABASE_URL): no sets are made of it, and nothing in it is reset.',
  noData: 'There is no data that could be changed.',
  setName: 'Name of the set',
  save: 'Save as a set',
  load: 'Load',
  remove: 'Remove',
  really: { reset: 'Really reset?', load: 'Replace all with it?', remove: 'Really remove?' },
  progress: 'How far it is',
  work: 'Work',
  uploads: 'Uploads',
  reviews: 'Reviews',
  outbox: 'Outbox',
  none: 'none',
  due: (count, oldest) =>
    count === 0
      ? 'no look is due'
      : `${count === 1 ? '1 look is' : `${count} looks are`} due, for ${seconds(oldest)}`,
  oldest: (oldest) => `the oldest for ${seconds(oldest)}`,
  outboxNames: { waiting: 'waiting', delivered: 'delivered', failed: 'given up' },
  webhooks: 'Webhooks received',
  webhooksAbout:
    'Events of uploads and reviews come to a receiver of npm run dev, which checks their signature. The latest 200 are kept.',
  webhooksElsewhere: 'They go to EVENTS_WEBHOOK_URL, which you have set, and not here.',
  noReceiver:
    'Nothing is received: the database is your own, and what waits in it may be for somebody else. Set EVENTS_WEBHOOK_URL to get it.',
  noWebhooks: 'None yet: complete an upload, or write a review.',
  answerWith: 'Answer with',
  answers: { 204: '204, taken', 500: '500, to be tried again', 410: '410, never again' },
  clear: 'Clear',
  verified: 'signature verifies',
  forged: (why) => `signature does not verify: ${why}`,
  attempt: (count) => `attempt ${count}`,
  answered: (status) => `answered ${status}`,
  headers: 'Headers',
  body: 'Body',
  more: (count) => `${count} more`,
  settings: 'Settings',
  settingsAbout: 'As the sidecar has them; secrets are hidden.',
  onlySet: 'only those that are set',
  columns: ['name', 'value', 'from'],
};
