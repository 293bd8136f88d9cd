/** Who listens on a port of this machine: Linux's /proc/net (proc(5)). */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface Listener {
  /** As one would write it. */
  readonly address: string;
  readonly isLoopback: boolean;
  readonly inode: string;
}

const LISTENS = '0A';

/** null: it cannot be known here. */
export function listenersOn(port: number): Listener[] | null {
  try {
    const lines = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((path) => readLines(path));
    return lines.flatMap((line) => {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
      const [address = '', hex = ''] = local.split(':');
      if (state !== LISTENS || Number.parseInt(hex, 16) !== port) return [];
      return [{ ...describe(address), inode }];
    });
  } catch {
    return null;
  }
}

/** A machine may be without IPv6. */
function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').slice(1);
  } catch (error) {
    if (path.endsWith('6')) return [];
    throw error;
  }
}

/** Four bytes at a time, the last one first. */
function describe(hex: string): Pick<Listener, 'address' | 'isLoopback'> {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) =>
    (word.match(/../g) ?? []).reverse().map((byte) => Number.parseInt(byte, 16)),
  );
  const isMapped = bytes.length === 16 && bytes.slice(0, 12).join() === '0,0,0,0,0,0,0,0,0,0,255,255';
  const four = bytes.length === 4 ? bytes : isMapped ? bytes.slice(12) : null;
  if (four !== null) return { address: four.join('.'), isLoopback: four[0] === 127 };
  if (bytes.every((byte) => byte === 0)) return { address: '[::]', isLoopback: false };
  const isLoopback = bytes.slice(0, 15).every((byte) => byte === 0) && bytes[15] === 1;
  const groups = bytes.flatMap((byte, i) =>
    i % 2 === 0 ? [((byte << 8) | (bytes[i + 1] ?? 0)).toString(16)] : [],
  );
  return { address: isLoopback ? '[::1]' : `[${groups.join(':')}]`, isLoopback };
}

/** Processes that hold one of these sockets, but for systemd itself; of other users only root sees them. */
export function holdersOf(inodes: readonly string[]): number[] {
  const wanted = new Set(inodes.map((inode) => `socket:[${inode}]`));
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 1 && descriptorsOf(pid).some((target) => wanted.has(target)));
}

function descriptorsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`);
      } catch {
        return '';
      }
    });
  } catch {
    return [];
  }
}
