/** A list of the public API, page by page. */
import { useEffect, useRef, useState } from 'preact/hooks';

/**
 * @param ask gives the page behind a cursor ('' for the first) @param key what is listed: with another one the list begins anew
 * @returns `items` (null until the first page is there), and the `last` page as it came
 */
export function useList(ask, key) {
  const [state, setState] = useState({ items: null, last: null, error: null });
  const turn = useRef(0);
  // Whoever refreshes after a call that took its time means what is listed by then.
  const latest = useRef(ask);
  latest.current = ask;
  const get = (cursor, before) => {
    turn.current += 1;
    const mine = turn.current;
    const take = (next) => mine === turn.current && setState(next);
    return latest.current(cursor).then(
      (last) => take({ items: [...before, ...last.items], last, error: null }),
      ({ message }) => take({ items: before, last: null, error: message }),
    );
  };
  const refresh = () => get('', []);
  useEffect(() => {
    refresh();
    // What is still to come belongs to what was listed before.
    return () => {
      turn.current += 1;
    };
  }, [key]);
  const { items, last, error } = state;
  const more = last?.next_cursor ? () => get(last.next_cursor, items) : null;
  const replace = (isIt, item) => setState({ ...state, items: items.map((one) => (isIt(one) ? item : one)) });
  return { items, last, error, refresh, more, replace };
}
