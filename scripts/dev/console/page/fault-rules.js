/** What the faults are before anybody has set one, and rules made from something. */
import { ask } from './api.js';

export const NONE = { rules: [], away: { database: false, storage: false } };
export const NEW = {
  ...{ kind: 'delay', method: '', path: '/api/*', delayMs: '1000', afterBytes: '100', bytesPerSecond: '100' },
  ...{ status: '200', headers: 'Content-Type: application/json', body: '' },
};

export const put = (faults) => ask('/faults', { method: 'PUT', json: faults });

export const switchAllOff = async () => {
  const { rules } = await ask('/faults');
  await put({ ...NONE, rules: rules.map((rule) => ({ ...rule, isOn: false })) });
};

/** A rule that answers as a request was answered. */
export const ruleLike = ({ method, target, status, response, responseBody }) => ({
  ...NEW,
  ...{
    kind: 'answer',
    method,
    path: target.replace(/[?].*/, ''),
    status: String(status),
    body: responseBody?.text ?? '',
  },
  headers: (response?.headers ?? []).map((pair) => pair.join(': ')).join('\n'),
});
