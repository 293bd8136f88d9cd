/** A request as a curl command for bash or zsh. */
import type { RequestRecord } from '../store/record.ts';
import { pairsOf } from './heads.ts';
import type { Maskers } from './mask.ts';

/** curl makes these itself. */
const OF_CURL = new Set(['host', 'content-length', 'connection', 'transfer-encoding', 'expect']);

/** @param origin of the sidecar */
export function curlOf(record: RequestRecord, origin: string, mask: Maskers): string {
  const { method, target, headers } = record.started;
  const pairs = pairsOf(headers).filter(([name]) => !OF_CURL.has(name.toLowerCase()));
  const lines = [
    `${pipeOf(record)}curl --globoff ${method === 'HEAD' ? '--head' : `-X ${quoted(method)}`} ${quoted(origin + mask.text(target))}`,
    // A header without a value has to end with a semicolon, or curl removes it.
    ...pairs.map(
      ([name, value]) => `-H ${quoted(value === '' ? `${name};` : `${name}: ${mask.header(name, value)}`)}`,
    ),
    ...missing(pairs).map((name) => `-H ${quoted(`${name}:`)}`),
    ...bodyOf(record, mask),
  ];
  return lines.join(' \\\n  ');
}

/** Headers that curl would add, and the client did not send. */
const missing = (pairs: readonly (readonly [string, string])[]) =>
  ['User-Agent', 'Accept'].filter((name) => !pairs.some(([n]) => n.toLowerCase() === name.toLowerCase()));

function bodyOf(record: RequestRecord, mask: Maskers): string[] {
  if (record.bodyFile !== undefined)
    return [`--data-binary ${quoted(`@${record.bodyFile}`)}`, ...withoutType(record)];
  const body = record.body('in');
  if (body.length === 0) return [];
  // --data-binary takes a leading @ for a file, --data-raw does not.
  const data = isText(body) ? `--data-raw ${quoted(mask.text(body.toString()))}` : '--data-binary @-';
  return [data, ...withoutType(record)];
}

/** An argument holds no zero byte. */
const isText = (body: Buffer) => !body.includes(0) && Buffer.from(body.toString()).equals(body);

/** What is no text comes through a pipe. */
function pipeOf(record: RequestRecord): string {
  const body = record.body('in');
  if (record.bodyFile !== undefined || isText(body)) return '';
  return `printf '${[...body].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')}' | `;
}

/** With a body curl says what type it has, unless it is told. */
const withoutType = ({ started }: RequestRecord) =>
  started.headers.some((name, i) => i % 2 === 0 && name.toLowerCase() === 'content-type')
    ? []
    : [`-H ${quoted('Content-Type:')}`];

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
