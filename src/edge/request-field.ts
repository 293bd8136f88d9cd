/**
 * One field of a request. For what is asked while the process has too much to do: `req.headers` makes an object of all of them,
 * a twentieth of what a refusal costs.
 */
import type { IncomingMessage } from 'node:http';

/** @param name in lower case @returns undefined when there is none; the lines of several joined, as in `headers` */
export function fieldOf({ rawHeaders }: IncomingMessage, name: string): string | undefined {
  let value: string | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const field = rawHeaders[i] as string;
    if (field.length !== name.length || field.toLowerCase() !== name) continue;
    value = value === undefined ? rawHeaders[i + 1] : `${value}, ${rawHeaders[i + 1]}`;
  }
  return value;
}
