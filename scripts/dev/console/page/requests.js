/** The page of the requests: filter, list, detail, and the keys. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { copyCurl, Detail, pin } from './detail.js';
import { classes, html } from './dom.js';
import { Faults, ruleLike, switchAllOff } from './faults.js';
import { bytes } from './format.js';
import { RequestList } from './list.js';
import { useLive } from './live.js';
import { STRINGS } from './strings.js';
import { EVERYTHING, queryOf, Toolbar } from './toolbar.js';

/** Typing is not followed letter by letter, ms. */
const SEARCH_AFTER_MS = 200;
const TOLD_FOR_MS = 2_500;

function useLater(value) {
  const [later, setLater] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setLater(value), SEARCH_AFTER_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return later;
}

/** A sentence that goes away by itself. */
function useToast() {
  const [text, setText] = useState('');
  const timer = useRef();
  const say = (sentence) => {
    setText(sentence);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setText(''), TOLD_FOR_MS);
  };
  return [text, say];
}

export function Requests() {
  const [filter, setFilter] = useState(EVERYTHING);
  const [isPaused, setPaused] = useState(false);
  const [selected, setSelected] = useState(null);
  const [isEditing, setEditing] = useState(false);
  const [faultDraft, setFaultDraft] = useState(undefined);
  const [toast, say] = useToast();
  const { rows, state, isConnected, waiting } = useLive(queryOf(useLater(filter)), isPaused);
  const row = rows.find(({ n }) => n === selected);
  const select = (n) => {
    setSelected(n);
    setEditing(false);
  };
  useKeys({
    rows,
    selected,
    select,
    pause: () => setPaused(!isPaused),
    pin: () => row && pin(row),
    curl: () => row && copyCurl(row.n, false, say),
    edit: () => row && setEditing(true),
    help: () => say(STRINGS.keys),
  });
  const isFiltered = Object.keys(queryOf(filter)).length > 0;
  return html`<div class=${classes('page', selected !== null && 'with-detail')}>
    <header class="top">
      <h1>${STRINGS.title} <span>${STRINGS.product}</span></h1>
      <nav><button type="button" class=${classes('tab', faultDraft === undefined && 'on')} onClick=${() => setFaultDraft(undefined)}>${STRINGS.pages.requests}</button>
        <button type="button" class=${classes('tab', faultDraft !== undefined && 'on')} onClick=${() => setFaultDraft(null)}>${STRINGS.pages.faults}</button></nav>
      <span class="space"></span>
      <span class="facts">${STRINGS.kept(state.kept, bytes(state.bytes))}</span>
      <button type="button" class="help" aria-label=${STRINGS.keys} title=${STRINGS.keys} onClick=${() => say(STRINGS.keys)}>?</button>
    </header>
    ${state.faults > 0 && html`<p class="banner" role="status">${STRINGS.faultBanner(state.faults)} <button type="button" onClick=${switchAllOff}>${STRINGS.faultOff}</button></p>`}
    ${state.dropped > 0 && html`<p class="banner" role="status">${STRINGS.dropped(state.dropped)}</p>`}
    ${!isConnected && html`<p class="banner" role="status">${STRINGS.reconnecting}</p>`}
    ${
      faultDraft !== undefined
        ? html`<${Faults} key=${faultDraft} draft=${faultDraft} version=${state.faults} />`
        : html`<${Toolbar} filter=${filter} onFilter=${setFilter} isPaused=${isPaused} onPause=${() => setPaused(!isPaused)} waiting=${waiting} />
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
              onEdit=${() => setEditing(!isEditing)} onAnswerLike=${(detail) => setFaultDraft(ruleLike(detail))} say=${say} />`
        }
      </div>
    </main>`
    }
    <div class=${classes('toast', toast !== '' && 'shown')} role="status">${toast}</div>
  </div>`;
}

function Empty({ isFiltered }) {
  return html`<div class="empty">
    <p><b>${isFiltered ? STRINGS.emptyFiltered : STRINGS.emptyTitle}</b></p>
    ${!isFiltered && html`<p class="quiet">${STRINGS.empty(location.origin)}</p>`}
  </div>`;
}

/** Keys of the whole page; within a field only Escape, which leaves it. */
function useKeys(act) {
  useEffect(() => {
    const onKey = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target.closest('input, textarea, select')) {
        if (event.key === 'Escape') event.target.blur();
        return;
      }
      if (onPageKey(event.key, act)) event.preventDefault();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  });
}

/** @returns whether it was one of ours */
function onPageKey(key, { rows, selected, select, ...act }) {
  const move = (by) => {
    const at = rows.findIndex(({ n }) => n === selected);
    const next = rows[Math.min(rows.length - 1, Math.max(0, at + by))];
    if (next !== undefined) select(next.n);
  };
  const keys = {
    ArrowDown: () => move(1),
    j: () => move(1),
    ArrowUp: () => move(-1),
    k: () => move(-1),
    Escape: () => select(null),
    '/': () => document.getElementById('search').focus(),
    p: act.pause,
    s: act.pin,
    c: act.curl,
    e: act.edit,
    '?': act.help,
  };
  keys[key]?.();
  return keys[key] !== undefined;
}
