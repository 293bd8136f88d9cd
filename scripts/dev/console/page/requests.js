/** The page of the requests: filter, list, detail, and the keys. */
import { useEffect, useState } from 'preact/hooks';
import { copyCurl, Detail, pin } from './detail.js';
import { classes, html } from './dom.js';
import { useKeys } from './keys.js';
import { RequestList } from './list.js';
import { useLive } from './live.js';
import { STRINGS } from './strings/console.js';
import { EVERYTHING, queryOf, Toolbar } from './toolbar.js';

/** Typing is not followed letter by letter, ms. */
const SEARCH_AFTER_MS = 200;

function useLater(value) {
  const [later, setLater] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setLater(value), SEARCH_AFTER_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return later;
}

/** What the page is at: what is filtered, chosen, edited, and the rows that come meanwhile. */
export function useRequests() {
  const [filter, setFilter] = useState(EVERYTHING);
  const [isPaused, setPaused] = useState(false);
  const [selected, setSelected] = useState(null);
  const [isEditing, setEditing] = useState(false);
  const live = useLive(queryOf(useLater(filter)), isPaused);
  const select = (n) => {
    setSelected(n);
    setEditing(false);
  };
  const pause = () => setPaused(!isPaused);
  return { ...live, filter, setFilter, isPaused, pause, selected, select, isEditing, setEditing };
}

export function Requests({ requests, say, onAnswerLike }) {
  const { rows, waiting, filter, setFilter, isPaused, pause, selected, select, isEditing, setEditing } =
    requests;
  const row = rows.find(({ n }) => n === selected);
  useKeys(keysOf(requests, row, say));
  const isFiltered = Object.keys(queryOf(filter)).length > 0;
  return html`<div class=${classes('requests', selected !== null && 'with-detail')}>
    <${Toolbar} filter=${filter} onFilter=${setFilter} isPaused=${isPaused} onPause=${pause} waiting=${waiting} />
    <main class="split">
      <div class="left">
        ${
          rows.length === 0
            ? html`<${Empty} isFiltered=${isFiltered} />`
            : html`<${RequestList} rows=${rows} selected=${selected} onSelect=${select} onOpen=${() => document.getElementById('panel')?.focus()} />`
        }
      </div>
      <div class="right">
        ${
          selected === null
            ? html`<p class="quiet pad">${STRINGS.choose}</p>`
            : html`<${Detail} key=${selected} n=${selected} row=${row} onClose=${() => select(null)} isEditing=${isEditing}
              onEdit=${() => setEditing(!isEditing)} onAnswerLike=${onAnswerLike} say=${say} />`
        }
      </div>
    </main>
  </div>`;
}

function Empty({ isFiltered }) {
  return html`<div class="empty">
    <p><b>${isFiltered ? STRINGS.emptyFiltered : STRINGS.emptyTitle}</b></p>
    ${!isFiltered && html`<p class="quiet">${STRINGS.empty(location.origin)}</p>`}
  </div>`;
}

/** @param row the chosen one */
function keysOf({ rows, selected, select, pause, setEditing }, row, say) {
  const move = (by) => {
    const at = rows.findIndex(({ n }) => n === selected);
    const next = rows[Math.min(rows.length - 1, Math.max(0, at + by))];
    if (next !== undefined) select(next.n);
  };
  return {
    ArrowDown: () => move(1),
    j: () => move(1),
    ArrowUp: () => move(-1),
    k: () => move(-1),
    Escape: () => select(null),
    '/': () => document.getElementById('search').focus(),
    p: pause,
    s: () => row && pin(row),
    c: () => row && copyCurl(row.n, false, say),
    e: () => row && setEditing(true),
  };
}
