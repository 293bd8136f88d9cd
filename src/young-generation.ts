/**
 * How large the part of V8's heap may become that new objects go to: two halves, of which one is in use. V8 doubles them
 * for any burst of objects that stay, such as three thousand WebSockets, up to twice 32 MB: 16 KB for each of them, four times
 * what a WebSocket itself holds. When little is going on it makes them as small as twice 1 MB, and they have to grow again
 * (docs/decisions/0013-young-generation-in-bounds.md).
 */
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

const MIB = 1024 * 1024;
/** A half, bytes: what loading the modules makes it. */
const USUAL_BYTES = 8 * MIB;
/** What thousands of waiting requests hold must fit in, or it is copied again and again. */
const CROWDED_BYTES = 16 * MIB;
/** So many waiting requests. */
const CROWD = 250;
/** Short enough for V8 not to double it twice meanwhile. */
const LOOK_EVERY_MS = 100;

/**
 * Call once, when the modules are loaded.
 * @param waiting how many requests wait for an answer at the moment
 */
export function boundYoungGeneration(waiting: () => number): void {
  let mayGrow: boolean | undefined;
  const look = () => {
    const most = waiting() < CROWD ? USUAL_BYTES : CROWDED_BYTES;
    const doubledFits = 2 * halfBytes() <= most;
    if (doubledFits === mayGrow) return;
    mayGrow = doubledFits;
    setFlagsFromString(`--semi-space-growth-factor=${mayGrow ? 2 : 1}`);
  };
  look();
  setInterval(look, LOOK_EVERY_MS).unref();
}

/** What the half in use can hold. `space_size` is what is mapped of both, which from Node 26 on may be less. */
function halfBytes(): number {
  const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
  return young === undefined ? Number.POSITIVE_INFINITY : young.space_used_size + young.space_available_size;
}
