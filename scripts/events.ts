/** What waits to be sent to the webhook, what was given up, and sending it again. */
import { parseArgs } from 'node:util';
import { type OutboxOperator, type OutboxStatus, operateOutbox } from '../src/features/events/operator.ts';
import { KEEP_DELIVERED_DAYS } from '../src/features/events/outbox.ts';
import { isSchemaMissing } from '../src/infra/postgres/failure.ts';
import { fail, readCommandLine } from './lib/command-line.ts';
import { readDatabaseTarget } from './lib/database-target.ts';

const HELP = `Usage: npm run events -- (--status | --failed | --replay ID|all) [--help]

The events in DATABASE_URL that are sent to EVENTS_WEBHOOK_URL. The running sidecars send them; this only looks and asks.

  --status       how many wait, since when, how many were delivered and how many failed
  --failed       lists those that were given up: webhook-id, time, type, subject, attempts, reason; separated by tabs
  --replay ID    sends the event with this webhook-id again, whatever became of it
  --replay all   sends at once all that failed or wait for a later attempt
  --help         this text

Delivered events are removed after ${KEEP_DELIVERED_DAYS} days, failed ones are kept.

Exit status: 0 done, 1 no such event or the database refused, 2 wrong arguments, 78 DATABASE_URL is missing or malformed.
`;

interface Options {
  readonly status: boolean;
  readonly failed: boolean;
  readonly replay?: string;
}

async function main(): Promise<void> {
  const options = readCommandLine(HELP, parseOptions);
  if (options === null) return;
  const target = readDatabaseTarget();
  if (target === null) return;
  await operateOutbox(target, (outbox) => act(outbox, options));
}

async function act(outbox: OutboxOperator, { status, failed, replay }: Options): Promise<void> {
  if (status) print(describe(await outbox.status()));
  if (failed) {
    for await (const { id, occurredAt, type, subject, attempts, reason } of outbox.failed()) {
      print([id, occurredAt.toISOString(), type, subject, attempts, reason].join('\t'));
    }
  }
  if (replay === 'all') print(`${await outbox.replayAll()} events are sent again.`);
  else if (replay !== undefined) await replayOne(outbox, replay);
}

async function replayOne(outbox: OutboxOperator, id: string): Promise<void> {
  const found = await outbox.replay(id);
  if (found === 'due') print('It is sent again.');
  else if (found === 'under way') print('It is being sent at this moment.');
  else
    fail(
      1,
      `There is no event ${JSON.stringify(id)}. Delivered ones are removed after ${KEEP_DELIVERED_DAYS} days.`,
    );
}

const describe = ({ waiting, oldestSeconds, delivered, failed }: OutboxStatus) =>
  [
    `waiting    ${waiting}${waiting > 0 ? `, the oldest for ${Math.round(oldestSeconds)} s` : ''}`,
    `delivered  ${delivered} in the last ${KEEP_DELIVERED_DAYS} days`,
    `failed     ${failed}`,
  ].join('\n');

function parseOptions() {
  const { values } = parseArgs({
    options: {
      status: { type: 'boolean', default: false },
      failed: { type: 'boolean', default: false },
      replay: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const chosen = [values.status, values.failed, values.replay !== undefined].filter(Boolean).length;
  if (chosen !== 1 && !values.help) throw new Error('One of --status, --failed and --replay is needed.');
  return values;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

// `| head` has read enough.
process.stdout.on('error', () => process.exit(0));
main().catch((error) => {
  const isMissing = isSchemaMissing(error);
  const reason = isMissing
    ? 'there is no outbox yet: npm run migrate makes it'
    : error instanceof Error
      ? error.message
      : String(error);
  fail(1, `The database refused: ${reason}`);
});
