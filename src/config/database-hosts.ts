/**
 * Which servers DATABASE_URL names, and which of them will do. Read as libpq reads it
 * (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS); where asyncpg and SQLAlchemy would go
 * somewhere else than libpq, the URL is refused. Pure; messages hold no part of the value.
 */
import { decoded } from './database-url-parameters.ts';

export interface DatabaseHost {
  /** Host name, address, or the folder of a unix socket (starts with `/`). */
  readonly host: string;
  readonly port: number;
}

export const TARGET_SESSIONS = [
  'any',
  'read-write',
  'read-only',
  'primary',
  'standby',
  'prefer-standby',
] as const;
/** What a server must be, or its session allow (libpq's target_session_attrs). */
export type TargetSession = (typeof TARGET_SESSIONS)[number];

const DEFAULT_PORT = 5432;

/** @returns at least one, in the order in which they are tried @throws Error with a sentence fragment */
export function readHosts(authority: string, parameters: URLSearchParams): [DatabaseHost, ...DatabaseHost[]] {
  const named = parameters.getAll('host').filter((host) => host !== '');
  const ports = parameters.get('port') ?? '';
  // libpq decodes before it splits, asyncpg after that.
  if (/%2c/i.test(authority)) throw new Error('has a malformed host or port');
  if (named.length < 2 && !`${authority}${named[0] ?? ''}${ports}`.includes(',')) {
    return [oneHost(authority, named[0], ports)];
  }
  // libpq lets the parameters win, asyncpg what stands before the path.
  if (authority !== '' && (named.length > 0 || ports !== '')) {
    throw new Error('names hosts or ports before its path and behind the ?: put all of them in one place');
  }
  const list = named.length > 0 ? named.join(',').split(',') : authority.split(',').map(decoded);
  return withPorts(list, ports);
}

function oneHost(authority: string, named: string | undefined, ports: string): DatabaseHost {
  const before = hostAndPort(authority);
  const { host, port } = named === undefined ? { ...before, host: decoded(before.host) } : hostAndPort(named);
  return checked(host || 'localhost', ports || port || before.port);
}

function withPorts(hosts: readonly string[], ports: string): [DatabaseHost, ...DatabaseHost[]] {
  const separate = ports.split(',');
  if (separate.length > 1 && separate.length !== hosts.length) {
    throw new Error('names another number of ports than of hosts');
  }
  const read = hosts.map((text, index) => {
    const { host, port } = hostAndPort(text);
    // libpq would take the local socket, asyncpg fails.
    if (host === '') throw new Error('has an empty host in its list');
    if (port !== '' && ports !== '') throw new Error('gives a host of its list two ports');
    return checked(host, port || (separate[index] ?? separate[0] ?? ''));
  });
  return read as [DatabaseHost, ...DatabaseHost[]];
}

/** `host:port` is asyncpg's and SQLAlchemy's way to write it behind the `?` too, where an IPv6 address may be bare. */
function hostAndPort(text: string): { host: string; port: string } {
  if (text.startsWith('/') || /^[0-9a-f.]*(:[0-9a-f.]*){2,}$/i.test(text)) return { host: text, port: '' };
  const parts = /^(\[[0-9a-f:.]+\]|[^:[\]]*)(?::(\d{0,5}))?$/i.exec(text);
  if (parts === null) throw new Error('has a malformed host or port');
  return { host: (parts[1] ?? '').replace(/^\[|\]$/g, ''), port: parts[2] ?? '' };
}

function checked(host: string, portText: string): DatabaseHost {
  const port = Number(portText || DEFAULT_PORT);
  const isHost = host.startsWith('/') || !/[\s/]/.test(host);
  if (!isHost || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Error('has a malformed host or port');
  }
  return { host, port };
}
