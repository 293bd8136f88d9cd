/** The rows that match a filter, as they come. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { apiUrl } from './api.js';

/** A page that is open all day does not grow. */
const MAX_ROWS = 5_000;

/** Newest first. */
class Rows {
  #byNumber = new Map();
  #sorted = null;

  put(rows) {
    for (const row of rows) this.#byNumber.set(row.n, row);
    this.#sorted = null;
  }

  remove(numbers) {
    for (const n of numbers) this.#byNumber.delete(n);
    this.#sorted = null;
  }

  clear() {
    this.#byNumber.clear();
    this.#sorted = null;
  }

  list() {
    if (this.#sorted === null) {
      this.#sorted = [...this.#byNumber.values()].sort((a, b) => b.n - a.n);
      for (const row of this.#sorted.slice(MAX_ROWS)) if (!row.isPinned) this.#byNumber.delete(row.n);
    }
    return this.#sorted;
  }
}

/** @returns draws with the next frame: what comes together, and what comes while nobody sees the page, is drawn once */
function useDrawing() {
  const [, redraw] = useState(0);
  const frame = useRef(null);
  return () => {
    frame.current ??= requestAnimationFrame(() => {
      frame.current = null;
      redraw((count) => count + 1);
    });
  };
}

/** @param query of the filter @param isPaused what comes waits */
export function useLive(query, isPaused) {
  const rows = useRef(new Rows());
  const waiting = useRef([]);
  const paused = useRef(isPaused);
  paused.current = isPaused;
  const state = useRef({ kept: 0, bytes: 0, dropped: 0 });
  const [isConnected, setConnected] = useState(true);
  const draw = useDrawing();

  const apply = ({ type, data }) => {
    if (type === 'first') rows.current.clear();
    if (type === 'gone') rows.current.remove(data);
    else rows.current.put(data);
  };

  useEffect(() => {
    const source = new EventSource(apiUrl('/live', query));
    const take = ({ type, data }) => {
      const event = { type, data: JSON.parse(data) };
      if (paused.current && type !== 'first') waiting.current.push(event);
      else apply(event);
      draw();
    };
    waiting.current = [];
    for (const type of ['first', 'rows', 'gone']) source.addEventListener(type, take);
    source.addEventListener('state', ({ data }) => {
      state.current = JSON.parse(data);
      draw();
    });
    source.onopen = () => setConnected(true);
    source.onerror = () => setConnected(false);
    return () => source.close();
  }, [new URLSearchParams(query).toString()]);

  useEffect(() => {
    if (isPaused) return;
    for (const event of waiting.current) apply(event);
    waiting.current = [];
    draw();
  }, [isPaused]);

  const fresh = new Set(
    waiting.current.flatMap(({ type, data }) => (type === 'rows' ? data.map(({ n }) => n) : [])),
  );
  const known = new Set(isPaused ? rows.current.list().map(({ n }) => n) : []);
  const count = [...fresh].filter((n) => !known.has(n)).length;
  return { rows: rows.current.list(), state: state.current, isConnected, waiting: count };
}
