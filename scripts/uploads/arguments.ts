/** What `npm run uploads` understands. */
import { parseArgs } from 'node:util';
import { UPLOAD_KINDS } from '../../src/features/uploads/kinds.ts';
import type { ListQuery } from '../../src/features/uploads/list.ts';
import { listQuerySchema } from '../../src/features/uploads/schema.ts';
import { UPLOAD_STATUSES } from '../../src/features/uploads/upload.ts';
import { numberFrom } from '../lib/command-line.ts';

export const HELP = `Usage: npm run uploads -- COMMAND [options]

  doctor             checks the bucket of the settings as a client and a browser use it, and says for each step whether it is
                     ok, or what is wrong and how to mend it; removes what it has put, also on Ctrl-C
    --fix            adds the CORS rule and the lifecycle rule that are missing; other rules stay as they are
    --origin URL     of a web page that uploads; may be repeated. Otherwise CORS_ALLOW_ORIGINS
    --timeout N      seconds for each step (10)
    --json           {"status":…,"results":[{"name":…,"status":…,"text":…,"remedy":…}]}; status is ok, wrong,
                     not applicable (not for the whole) or could not check
  orphans            objects below uploads/ without a row, or of an upload that is over, and ready uploads without an object;
                     separated by tabs: what, why, bytes, time, key. Nothing younger than a day by the storage's clock
    --delete         deletes the objects without a row, and those of deleted and rejected uploads; none that was put before
                     the first upload of the database (by release 0.1.0, say) or after its last
    --trust-database the database is the right one and complete, even though most objects, or the objects of a time, have no
                     row: --delete deletes those as well
  list               uploads, newest first; separated by tabs: id, time, user, kind, status, bytes, key, filename
    --user N|any     whose (any)
    --status S       ${UPLOAD_STATUSES.join(', ')}
    --kind K         ${UPLOAD_KINDS.join(', ')}
    --limit N        1 to 10000 (50)
    --cursor C       the next page
    --json           {"items":[…],"next_cursor":…}, each as GET /api/uploads has it, with user_id
  take-down ID       deletes an upload and its object, as an admin's DELETE /api/uploads/ID does
  --help             this text

The settings are the sidecar's: S3_…, UPLOAD_…, CORS_ALLOW_ORIGINS; all but the doctor need DATABASE_URL, and take-down takes
EVENTS_WEBHOOK_… so that the event is sent.

Exit status: 0 all is well, or done; 1 something is wrong, orphans were found and not deleted, or there is no such upload;
2 it could not be checked (storage or database away, not configured) or wrong arguments; 130 stopped.
`;

export type Command =
  | {
      readonly name: 'doctor';
      readonly fix: boolean;
      /** Empty: as CORS_ALLOW_ORIGINS says. */
      readonly origins: readonly string[];
      readonly stepTimeoutMs: number;
      readonly json: boolean;
    }
  | { readonly name: 'orphans'; readonly delete: boolean; readonly trustDatabase: boolean }
  | { readonly name: 'list'; readonly json: boolean; readonly query: ListQuery }
  | { readonly name: 'take-down'; readonly id: string };

const MAX_PAGE_SIZE = 10_000;

const flag = { type: 'boolean', default: false } as const;
const text = { type: 'string' } as const;
const help = { type: 'boolean', short: 'h', default: false } as const;
const DOCTOR = { fix: flag, origin: { ...text, multiple: true }, timeout: text, json: flag, help } as const;
const ORPHANS = { delete: flag, 'trust-database': flag, help } as const;
const LIST = { user: text, status: text, kind: text, limit: text, cursor: text, json: flag, help } as const;

export interface CommandLine {
  readonly help: boolean;
  /** null: help was asked for. */
  readonly command: Command | null;
}

/** @param argv without Node and the script @throws Error with a sentence */
export function parseCommandLine([name, ...args]: readonly string[]): CommandLine {
  switch (name) {
    case 'doctor': {
      const { values } = parseArgs({ args, options: DOCTOR });
      return answer(values.help, () => ({
        name,
        fix: values.fix,
        origins: originsFrom(values.origin ?? []),
        stepTimeoutMs: numberFrom('--timeout', values.timeout ?? '10', { least: 1, most: 600 }) * 1000,
        json: values.json,
      }));
    }
    case 'orphans': {
      const { values } = parseArgs({ args, options: ORPHANS });
      const { delete: isDelete, 'trust-database': trustDatabase } = values;
      return answer(values.help, () => ({ name, delete: isDelete, trustDatabase }));
    }
    case 'list': {
      const { values } = parseArgs({ args, options: LIST });
      const { json, help: wantsHelp, limit = '50', user = 'any', ...rest } = values;
      return answer(wantsHelp, () => ({ name, json, query: queryFrom({ ...rest, user_id: user }, limit) }));
    }
    case 'take-down': {
      const { values, positionals } = parseArgs({ args, options: { help }, allowPositionals: true });
      const [id, ...more] = positionals;
      return answer(values.help, () => {
        if (id === undefined || more.length > 0) throw new Error('take-down needs one id.');
        return { name, id };
      });
    }
    case '--help':
    case '-h':
      return { help: true, command: null };
    default:
      throw new Error('One of doctor, orphans, list and take-down is needed.');
  }
}

const answer = (isHelp: boolean, command: () => Command): CommandLine =>
  isHelp ? { help: true, command: null } : { help: false, command: command() };

/** As CORS_ALLOW_ORIGINS has them; `*` is none. */
const originsFrom = (origins: readonly string[]) =>
  origins.map((origin) => {
    if (URL.parse(origin)?.origin === origin) return origin;
    throw new Error('--origin must be an origin, e.g. https://example.com');
  });

/** As GET /api/uploads takes them, but for the size of a page. */
function queryFrom(given: Readonly<Record<string, string | undefined>>, limit: string): ListQuery {
  const result = listQuerySchema.safeParse(given);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw new Error(`--${String(issue?.path[0]).replace('user_id', 'user')} ${issue?.message}.`);
  }
  const { user_id: owner = 'any', ...query } = result.data;
  return { ...query, owner, limit: numberFrom('--limit', limit, { least: 1, most: MAX_PAGE_SIZE }) };
}
