/** Puts frames of the console's into a WebSocket, where one may begin. */
import type { Way } from '../messages.ts';
import { FrameBoundary } from '../web-socket-frames.ts';

/** One direction of a WebSocket. */
interface Line {
  readonly boundary: FrameBoundary;
  readonly send: (frame: Buffer) => void;
  readonly waiting: Buffer[];
}

const lines = new Map<string, Line>();
const nameOf = (id: string, way: Way) => `${id} ${way}`;

/** @param send writes and shows it @returns is told of every piece, once it is written */
export function openLine(id: string, way: Way, send: (frame: Buffer) => void): (piece: Uint8Array) => void {
  const line: Line = { boundary: new FrameBoundary(), send, waiting: [] };
  lines.set(nameOf(id, way), line);
  return (piece) => {
    line.boundary.pass(piece);
    flush(line);
  };
}

export function closeLines(id: string): void {
  for (const way of ['in', 'out'] as const) lines.delete(nameOf(id, way));
}

/** Sends it as soon as the frames that are under way end. Nothing happens when the WebSocket is over. */
export function putIn(id: string, way: Way, frame: Buffer): void {
  const line = lines.get(nameOf(id, way));
  if (line === undefined) return;
  line.waiting.push(frame);
  flush(line);
}

function flush({ boundary, waiting, send }: Line): void {
  if (boundary.isFree) for (const frame of waiting.splice(0)) send(frame);
}
