/** Calls of the API that change something. */
import { parseFaults } from '../faults.ts';
import { closePayload, makeFrame, OPCODES } from '../web-socket-frames.ts';
import { type Call, type ConsoleApi, json, Refused, readJson, recordOf } from './call.ts';
import { resendState } from './detail.ts';
import { type Edited, resend } from './resend.ts';

export async function pin({ records }: ConsoleApi, { req, res, found }: Call): Promise<void> {
  const { pinned } = (await readJson(req)) as { pinned?: unknown };
  records.pin(recordOf(records, found), pinned === true);
  json(res, 200, { pinned: pinned === true });
}

export async function sendAgain(
  { records, sidecarPort }: ConsoleApi,
  { req, res, found }: Call,
): Promise<void> {
  const record = recordOf(records, found);
  const edited = (await readJson(req)) as Edited;
  const state = resendState(record);
  const needsOldBody = edited.body === undefined;
  if (!state.isPossible && (needsOldBody || record.started.isWebSocket)) {
    throw new Refused(409, state.reason ?? '');
  }
  await resend(records, record, edited, sidecarPort).catch((error) => {
    throw new Refused(422, error.message);
  });
  json(res, 202, { sent: true });
}

export async function clear({ records }: ConsoleApi, { req, res }: Call): Promise<void> {
  await readJson(req);
  records.clear();
  json(res, 200, records.figures());
}

export async function setFaults(api: ConsoleApi, { req, res }: Call): Promise<void> {
  const given = await readJson(req);
  try {
    api.faults = parseFaults(given);
  } catch (error) {
    throw new Refused(422, (error as Error).message);
  }
  api.receiver.setFaults(api.faults);
  json(res, 200, api.faults);
}

export async function sendFrame({ records, receiver }: ConsoleApi, { req, res, found }: Call): Promise<void> {
  const { started, isOver } = recordOf(records, found);
  const given = (await readJson(req)) as { to?: unknown; text?: unknown; code?: unknown };
  if (isOver || !started.isWebSocket) throw new Refused(409, 'It is no open WebSocket.');
  const code = given.code === undefined ? null : Number(given.code);
  if (code !== null && !(Number.isInteger(code) && code >= 1_000 && code <= 4_999))
    throw new Refused(422, 'A close code is a number from 1000 to 4999.');
  const text = String(given.text ?? '');
  const way = given.to === 'client' ? 'out' : 'in';
  const frame =
    code === null
      ? makeFrame(OPCODES.text, Buffer.from(text), way === 'in')
      : makeFrame(OPCODES.close, closePayload(code, text), way === 'in');
  if (!receiver.sendFrame(started.id, way, frame))
    throw new Refused(409, 'The sidecar has been restarted since.');
  json(res, 202, { sent: true });
}
