/** The list: only the rows in sight are in the page, however many there are. */
import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from '@tanstack/virtual-core';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { classes, html } from './dom.js';
import { bytes, clock, duration } from './format.js';
import { STRINGS } from './strings/console.js';

const ROW_PX = 28;

export function RequestList({ rows, selected, onSelect, onOpen }) {
  const scroller = useRef(null);
  const [, redraw] = useState(0);
  const virtual = useRef(null);
  const options = {
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    getItemKey: (index) => rows[index]?.n ?? index,
    overscan: 6,
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    onChange: () => redraw((count) => count + 1),
  };
  virtual.current ??= new Virtualizer(options);
  virtual.current.setOptions(options);
  useEffect(() => virtual.current._didMount(), []);
  useLayoutEffect(() => virtual.current._willUpdate());
  keepInPlace(scroller, rows, virtual.current);

  useEffect(() => {
    const index = rows.findIndex(({ n }) => n === selected);
    if (index !== -1) virtual.current.scrollToIndex(index, { align: 'auto' });
  }, [selected]);

  const items = virtual.current.getVirtualItems();
  return html`<div class="list" ref=${scroller} role="listbox" tabindex="0" aria-label=${STRINGS.listLabel}
      aria-activedescendant=${items.some(({ index }) => rows[index]?.n === selected) ? `row-${selected}` : undefined}
      onKeyDown=${(event) => event.key === 'Enter' && onOpen()}>
    <div class="rows" role="presentation" style=${{ height: `${virtual.current.getTotalSize()}px` }}>
      ${items.map(({ key, index, start }) => {
        const row = rows[index];
        return (
          row &&
          html`<${Row} key=${key} row=${row} start=${start} isSelected=${row.n === selected}
          onSelect=${() => onSelect(row.n)} />`
        );
      })}
    </div>
  </div>`;
}

/** Whoever has scrolled down reads: new rows above must not push what is read away. */
function keepInPlace(scroller, rows, { scrollOffset }) {
  const before = useRef({ first: undefined });
  useLayoutEffect(() => {
    const first = before.current.first;
    const grown = first === undefined ? 0 : rows.findIndex(({ n }) => n === first);
    // Asked of the element, it would be a layout at once, and another one behind it.
    if (grown > 0 && scrollOffset > ROW_PX) scroller.current.scrollTop += grown * ROW_PX;
    before.current.first = rows[0]?.n;
  }, [rows]);
}

function Row({ row, start, isSelected, onSelect }) {
  const { n, kind, method, target, status, ms, bytesOut, user, isAborted, isPinned, at } = row;
  const bad = status >= 500 ? 'bad' : status >= 400 ? 'warn' : status >= 300 ? 'quiet' : 'good';
  return html`<div id=${`row-${n}`} role="option" aria-selected=${isSelected}
      class=${classes('row', isSelected && 'selected')} style=${{ top: `${start}px` }} onClick=${onSelect}>
    <span class="c-time">${clock(at)}</span>
    <span class=${`c-kind kind-${kind}`}>${STRINGS.kinds[kind] ?? kind}</span>
    <span class="c-method">${method}</span>
    <span class="c-path" title=${target}>${isPinned && html`<span class="star" title=${STRINGS.pinned}>★ </span>`}${target}</span>
    <span class=${`c-status ${isAborted ? 'bad' : bad}`}>${status === 0 ? STRINGS.pending : status}${isAborted && html`<span title=${STRINGS.aborted}> ✂</span>`}</span>
    <span class="c-ms">${ms === null ? STRINGS.pending : duration(ms)}</span>
    <span class="c-bytes">${bytes(bytesOut)}</span>
    <span class="c-user">${user ?? ''}</span>
  </div>`;
}
