/** Calls of the page State. */
import { DEMO_ACTIONS } from '../../demo/data.ts';
import { type Call, type ConsoleApi, json, Refused, readJson } from './call.ts';

export async function state(api: ConsoleApi, { res }: Call): Promise<void> {
  json(res, 200, await api.state.look(api.faults));
}

export async function examine(api: ConsoleApi, { req, res }: Call): Promise<void> {
  await readJson(req);
  json(res, 200, { results: await api.state.examine() });
}

/** Begins; how it goes on is in the state. */
export async function changeData({ state: { data } }: ConsoleApi, { req, res }: Call): Promise<void> {
  const { action, name } = (await readJson(req)) as { action?: unknown; name?: unknown };
  const wanted = DEMO_ACTIONS.find((known) => known === action);
  if (wanted === undefined) throw new Refused(422, `"action" must be one of ${DEMO_ACTIONS.join(', ')}.`);
  if (data === null) throw new Refused(409, 'There is no data that could be changed.');
  if (data.task()?.state === 'under way') throw new Refused(409, 'Something is under way; wait for its end.');
  // Whoever asks for the state is told of a failure.
  data.run(wanted, String(name ?? '')).catch(() => undefined);
  json(res, 202, { begun: true });
}

export function webhooks({ state: { webhooks: receiver } }: ConsoleApi, { res }: Call): void {
  json(res, 200, { status: receiver?.status() ?? 0, received: receiver?.list() ?? [] });
}

/** What the next ones are answered with, to see them tried again. */
export async function setWebhooks(
  { state: { webhooks: receiver } }: ConsoleApi,
  { req, res }: Call,
): Promise<void> {
  const { status, clear } = (await readJson(req)) as { status?: unknown; clear?: unknown };
  if (receiver === null) throw new Refused(409, 'The webhooks go to EVENTS_WEBHOOK_URL, not here.');
  const wanted = Number(status ?? receiver.status());
  if (!Number.isInteger(wanted) || wanted < 200 || wanted > 599)
    throw new Refused(422, '"status" must be a whole number from 200 to 599.');
  receiver.answerWith(wanted);
  if (clear === true) receiver.clear();
  json(res, 200, { status: wanted });
}
