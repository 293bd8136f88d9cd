/**
 * Keeps the part of V8's heap that new objects go to at the size which it has reached when the sidecar listens (twice
 * 8 MB). V8 would double it twice for a burst of objects that stay, such as three thousand WebSockets, and never
 * give the 48 MB back: 16 KB for each of them, four times what a WebSocket itself holds
 * (docs/decisions/0013-young-generation-does-not-grow.md).
 */
import { setFlagsFromString } from 'node:v8';

/** Call once, when the modules are loaded. Objects that stay move on to the old part of the heap a little earlier. */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
