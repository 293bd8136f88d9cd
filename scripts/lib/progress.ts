/** How far a command is, on stderr: a bar that moves where somebody looks at it, a line now and then in a log. */

export interface Progress {
  /** @param share 0 to 1 @param text what stands behind the bar */
  show(share: number, text: string): void;
  /** A line of its own, above the bar. */
  say(line: string): void;
  /** The bar stays as it is. */
  end(): void;
}

const WIDTH = 30;
const REDRAW_MS = 100;
/** Where nobody looks: so many lines until the end. */
const STEPS = 10;

export function createProgress(out: NodeJS.WriteStream): Progress {
  let shownAt = Number.NEGATIVE_INFINITY;
  let step = 0;
  let isDrawn = false;
  const clear = () => {
    if (isDrawn) out.write('\r\x1b[2K');
    isDrawn = false;
  };
  const draw = (share: number, text: string) => {
    const filled = Math.round(WIDTH * share);
    clear();
    out.write(`[${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}] ${percent(share)} ${text}`);
    isDrawn = true;
  };
  return {
    show(share, text) {
      if (out.isTTY) {
        if (share < 1 && performance.now() - shownAt < REDRAW_MS) return;
        shownAt = performance.now();
        draw(share, text);
      } else if (Math.floor(share * STEPS) > step) {
        step = Math.floor(share * STEPS);
        out.write(`${percent(share)} ${text}\n`);
      }
    },
    say(line) {
      clear();
      out.write(`${line}\n`);
    },
    end() {
      if (isDrawn) out.write('\n');
      isDrawn = false;
    },
  };
}

const percent = (share: number) => `${String(Math.floor(share * 100)).padStart(3)} %`;
