/** What must not be read over a shoulder or end in a ticket: tokens, cookies, passwords, signatures. */

export const HIDDEN = '••••••';

/** Query parameters that open something to whoever has them. */
const SECRET_PARAMETER =
  /([?&](?:[\w-]*token|code|secret|password|api_?key|sig|signature|x-amz-(?:signature|credential|security-token))=)[^&#\s"'\\]+/gi;
const JWT = /\beyJ[\w-]+\.[\w-]+\.[\w-]*/g;
const SECRET_FIELD =
  /("(?:[\w-]*token|password|new_password|secret|client_secret)"\s*:\s*")(?:[^"\\]|\\.)+(")/gi;
const SECRET_FORM = /(^|&)((?:password|client_secret|[\w-]*token)=)[^&\s]+/gi;
const CREDENTIALS = new Set(['authorization', 'proxy-authorization']);
const SECRET_HEADERS = new Set(['x-api-key', 'webhook-signature', 'x-console-key']);

/** A text with its secrets hidden: a target, a body, a line of the log. */
export function maskText(text: string): string {
  return text
    .replace(SECRET_PARAMETER, `$1${HIDDEN}`)
    .replace(SECRET_FIELD, `$1${HIDDEN}$2`)
    .replace(SECRET_FORM, `$1$2${HIDDEN}`)
    .replace(JWT, HIDDEN);
}

export function maskHeader(name: string, value: string): string {
  const lower = name.toLowerCase();
  // The scheme stays: a token without `Bearer` is a mistake that one wants to see.
  if (CREDENTIALS.has(lower)) return value.replace(/^(\S+ +)?.*$/s, `$1${HIDDEN}`);
  if (lower === 'cookie') return value.replace(/=[^;]*/g, `=${HIDDEN}`);
  if (lower === 'set-cookie') return value.replace(/=[^;]*/, `=${HIDDEN}`);
  if (SECRET_HEADERS.has(lower)) return HIDDEN;
  return maskText(value);
}

/** @returns both as they are when the reader wants to see them */
export const maskers = (isRevealed: boolean) =>
  isRevealed
    ? { text: (text: string) => text, header: (_name: string, value: string) => value }
    : { text: maskText, header: maskHeader };

export type Maskers = ReturnType<typeof maskers>;
