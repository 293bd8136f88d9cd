/**
 * How long what is read now has waited within its turn of the event loop: since the first of the turn, or, in a turn that
 * lasts, since a mark behind which it became ready. Where a mark comes back the turn has read everything once, and is ended.
 */
import { createEventLoopTurn, type EventLoopTurn } from './event-loop-turn.ts';

export interface TurnClock {
  /** Ask for each request. @param now ms, on a clock that never goes back */
  waitedMs(now: number): number;
  close(): void;
}

/** @param longMs from when on a turn lasts */
export function createTurnClock(longMs: number, createTurn = createEventLoopTurn): TurnClock {
  let waitingSince: number | undefined;
  let turn: EventLoopTurn | undefined;
  let isMarkUnderWay = false;
  /** In this turn. */
  let markedAt: number | undefined;

  const onTurnEnd = () => {
    waitingSince = undefined;
    markedAt = undefined;
  };

  const mark = (now: number) => {
    isMarkUnderWay = true;
    markedAt = now;
    turn ??= createTurn();
    turn.mark(onMark);
  };

  const onMark = () => {
    isMarkUnderWay = false;
    if (markedAt === undefined) return;
    waitingSince = markedAt;
    markedAt = undefined;
    turn?.end();
  };

  return {
    waitedMs(now) {
      if (waitingSince === undefined) {
        waitingSince = now;
        setImmediate(onTurnEnd);
      }
      const waitedMs = now - waitingSince;
      if (waitedMs > longMs && !isMarkUnderWay) mark(now);
      return waitedMs;
    },
    close: () => turn?.close(),
  };
}
