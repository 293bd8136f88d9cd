/** What `npm run dev` understands. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { defaultStateFolder } from './state-place.ts';

export const HELP = `Usage: npm run dev [-- --lan] [--lan-address A] [--state DIR] [--no-watch] [--no-console] [--demo] [--reset] [--help]

Starts PostgreSQL, an object store, a demo backend and the sidecar, all on 127.0.0.1, and tells how to try them.

  --lan         for phones and emulators: listens for other machines too, prints an address for each kind of device, signs
                upload URLs for the one that a client came by (docs/devices.md)
  --lan-address A
                the same, with this address of the machine instead of those that it is found to have; may be repeated
  --state DIR   where data is kept (default: .dev in the project; for root, when only root can enter the project, a
                folder in /var/lib/gogomarket-dev)
  --no-watch    do not restart the sidecar when its files change
  --no-console  without the page at /dev, where every request is to be seen
  --demo        put demo data in: 50 products, 2,000 reviews in Russian, Uzbek and English, with pictures (what is there stays)
  --reset       remove the data first
  --help        this text

Set in the environment or in .env (the environment wins), these replace the embedded parts:
  DATABASE_URL    your PostgreSQL
  S3_ENDPOINT, S3_REGION, S3_BUCKET, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY, S3_PUBLIC_BASE_URL
                  your object storage; all six
  BACKEND_URL     your backend (default http://127.0.0.1:8000; the demo backend starts there if nothing answers)
  JWT_SECRET      your backend's secret
  PORT            the sidecar's port (default 8010)
Every other setting of the sidecar works as well.
`;

export const PROJECT = resolve(import.meta.dirname, '../..');
export const IS_ROOT = process.getuid?.() === 0;

export type DevOptions = ReturnType<typeof parseOptions>;

/** @throws Error with a sentence */
export function parseOptions() {
  const options = {
    lan: { type: 'boolean', default: false },
    'lan-address': { type: 'string', multiple: true, default: [] as string[] },
    state: { type: 'string', default: defaultStateFolder(PROJECT, IS_ROOT) },
    watch: { type: 'boolean', default: true },
    console: { type: 'boolean', default: true },
    demo: { type: 'boolean', default: false },
    reset: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  } as const;
  return parseArgs({ options, allowNegative: true }).values;
}
