/** Bodies for people: decoded for display only, what is kept of them. */
import { brotliDecompressSync, constants, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib';
import type { Way } from '../messages.ts';
import type { RequestRecord } from '../store/record.ts';
import { type HeaderPair, headerValue, pairsOf, pairsOfHead } from './heads.ts';

export interface ShownBody {
  readonly kind: 'none' | 'json' | 'text' | 'image' | 'binary';
  /** For `json` (indented) and `text`; of `binary` its beginning as a hex dump. */
  readonly text: string;
  readonly contentType: string;
  /** '' when it is not compressed. */
  readonly coding: string;
  /** Bytes that passed, compressed as they were. */
  readonly bytes: number;
  /** Why this is not the whole of it; null: it is. */
  readonly cut: string | null;
}

const MAX_DECODED_BYTES = 4 * 1024 * 1024;
const MAX_SHOWN_CHARS = 400_000;
const HEX_BYTES = 2_048;

export function headersOf(record: RequestRecord, way: Way): HeaderPair[] {
  return way === 'in' ? pairsOf(record.started.headers) : pairsOfHead(record.responseHead);
}

/** A body without its content coding, as far as what is kept of it can be decoded. */
export function decodedBody(record: RequestRecord, way: Way): { bytes: Buffer; coding: string } {
  const coding = headerValue(headersOf(record, way), 'content-encoding')?.toLowerCase() ?? '';
  const raw = record.body(way);
  try {
    return { bytes: decode(raw, coding), coding };
  } catch {
    return { bytes: raw, coding };
  }
}

/** What is cut is decoded as far as it goes; what would grow without end is not. */
function decode(raw: Buffer, coding: string): Buffer {
  const limit = { maxOutputLength: MAX_DECODED_BYTES };
  switch (coding) {
    case 'gzip':
    case 'x-gzip':
      return gunzipSync(raw, { ...limit, finishFlush: constants.Z_SYNC_FLUSH });
    case 'deflate':
      return inflateSync(raw, { ...limit, finishFlush: constants.Z_SYNC_FLUSH });
    case 'br':
      return brotliDecompressSync(raw, { ...limit, finishFlush: constants.BROTLI_OPERATION_FLUSH });
    case 'zstd':
      return zstdDecompressSync(raw, { ...limit, finishFlush: constants.ZSTD_e_flush });
    default:
      return raw;
  }
}

/** For the search in bodies; '' for what is no text. */
export function searchableBody(record: RequestRecord): string {
  return (['in', 'out'] as const)
    .map((way) => {
      const { bytes } = decodedBody(record, way);
      return isText(bytes) ? bytes.toString('utf8', 0, MAX_SHOWN_CHARS) : '';
    })
    .join('\n');
}

export function showBody(record: RequestRecord, way: Way, mask: (text: string) => string): ShownBody {
  const contentType = headerValue(headersOf(record, way), 'content-type') ?? '';
  const { bytes: decoded, coding } = decodedBody(record, way);
  const bytes = way === 'in' ? record.row().bytesIn : record.row().bytesOut;
  const about = { contentType, coding, bytes, cut: cutReason(record, way, decoded) };
  if (decoded.length === 0) return { kind: 'none', text: '', ...about };
  if (IMAGE.test(contentType)) return { kind: 'image', text: '', ...about };
  if (!isText(decoded)) return { kind: 'binary', text: hexDump(decoded.subarray(0, HEX_BYTES)), ...about };
  const text = decoded.toString('utf8', 0, MAX_SHOWN_CHARS);
  const json = /json/i.test(contentType) || /^\s*[[{]/.test(text) ? indented(text) : null;
  return { kind: json === null ? 'text' : 'json', text: mask(json ?? text), ...about };
}

function cutReason(record: RequestRecord, way: Way, decoded: Buffer): string | null {
  const unkept = record.unkept(way);
  if (unkept > 0) return `${unkept} bytes passed that were not kept.`;
  if (way === 'in' && record.bodyFile !== undefined) return 'This is its beginning; the whole is on disk.';
  return decoded.length > MAX_SHOWN_CHARS ? 'This is its beginning.' : null;
}

/** Types that a browser shows as a picture and does not run: no SVG. */
export const IMAGE = /^image\/(?:png|jpe?g|gif|webp|avif)\b/i;

function isText(bytes: Buffer): boolean {
  const start = bytes.subarray(0, 4_096);
  if (start.includes(0)) return false;
  const broken = start.toString('utf8').match(/\ufffd/g)?.length ?? 0;
  return broken < 2 + start.length / 100;
}

function indented(text: string): string | null {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return null;
  }
}

function hexDump(bytes: Buffer): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const part = bytes.subarray(at, at + 16);
    const hex = [...part].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const chars = part.toString('latin1').replace(/[^\x20-\x7e]/g, '·');
    lines.push(`${at.toString(16).padStart(6, '0')}  ${hex.padEnd(47)}  ${chars}`);
  }
  return lines.join('\n');
}
