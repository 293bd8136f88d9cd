/** Nginx's configuration language, as ngx_conf_read_token (src/core/ngx_conf_file.c) reads it: directives with their places. */

export interface Directive {
  readonly name: string;
  /** Without their quotes. */
  readonly args: readonly string[];
  /** Where the name begins, and where the last argument ends: offsets in the text. */
  readonly start: number;
  readonly end: number;
  /** What stands in its braces; null for one that ends with a semicolon. */
  readonly block: readonly Directive[] | null;
}

interface Token {
  readonly kind: 'word' | ';' | '{' | '}';
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

export class NginxSyntaxError extends Error {
  /** The one that cannot be read, counted from 1. */
  readonly line: number;

  constructor(line: number) {
    super(`line ${line} cannot be read`);
    this.line = line;
  }
}

/** @throws NginxSyntaxError */
export function parseNginx(text: string): Directive[] {
  return parseBlock(tokensOf(text), text, 0);
}

/** All directives of that name, at any depth. */
export const findDirectives = (directives: readonly Directive[], name: string): Directive[] =>
  directives.flatMap((directive) => [
    ...(directive.name === name ? [directive] : []),
    ...findDirectives(directive.block ?? [], name),
  ]);

/** Counted from 1. */
export const lineAt = (text: string, offset: number): number => text.slice(0, offset).split('\n').length;

const unreadable = (text: string, offset: number) => new NginxSyntaxError(lineAt(text, offset));

/** Up to the end of the text, or the brace that closes the block. */
function parseBlock(tokens: Generator<Token>, text: string, depth: number): Directive[] {
  const directives: Directive[] = [];
  let words: Token[] = [];
  for (let next = tokens.next(); !next.done; next = tokens.next()) {
    const token = next.value;
    if (token.kind === 'word') {
      words.push(token);
      continue;
    }
    if (token.kind === '}') {
      if (words.length > 0 || depth === 0) throw unreadable(text, token.start);
      return directives;
    }
    const block = token.kind === '{' ? parseBlock(tokens, text, depth + 1) : null;
    const [first, ...args] = words;
    const last = words.at(-1);
    if (first === undefined || last === undefined) throw unreadable(text, token.start);
    directives.push({
      name: first.text,
      args: args.map((arg) => arg.text),
      start: first.start,
      end: last.end,
      block,
    });
    words = [];
  }
  if (words.length > 0 || depth > 0) throw unreadable(text, text.length);
  return directives;
}

/** A comment begins only where a word could; `${name}` belongs to its word. */
const TOKEN =
  /\s+|#[^\n]*|([;{}])|"((?:\\[\s\S]|[^"\\])*)"|'((?:\\[\s\S]|[^'\\])*)'|((?:\\[\s\S]|\$\{|[^\s;{\\])+)/gy;

function* tokensOf(text: string): Generator<Token> {
  const pattern = new RegExp(TOKEN);
  while (pattern.lastIndex < text.length) {
    const start = pattern.lastIndex;
    const match = pattern.exec(text);
    if (match === null) throw unreadable(text, start);
    const [, sign, doubleQuoted, singleQuoted, bare] = match;
    const end = start + match[0].length;
    const word = doubleQuoted ?? singleQuoted ?? bare;
    if (sign !== undefined) yield { kind: sign as ';' | '{' | '}', text: sign, start, end };
    else if (word !== undefined) yield { kind: 'word', text: word, start, end };
  }
}
