/** What the list shows, and what is done with all of it. */
import { apiUrl, ask } from './api.js';
import { classes, html } from './dom.js';
import { STRINGS } from './strings/console.js';

const KINDS = ['local', 'proxy', 'rejected', 'websocket', 'health'];
const STATUSES = ['2xx', '3xx', '4xx', '5xx'];

/** As the API takes it. */
export function queryOf({ text, inBodies, kinds, statuses, slower }) {
  return {
    ...(text === '' ? {} : { q: text }),
    ...(inBodies ? { bodies: '1' } : {}),
    ...(kinds.length === 0 ? {} : { kind: kinds.join(',') }),
    ...(statuses.length === 0 ? {} : { status: statuses.join(',') }),
    ...(slower === '' ? {} : { slower }),
  };
}

export const EVERYTHING = { text: '', inBodies: false, kinds: [], statuses: [], slower: '' };

export function Toolbar({ filter, onFilter, isPaused, onPause, waiting }) {
  const set = (part) => onFilter({ ...filter, ...part });
  return html`<div class="toolbar" role="search">
    <input id="search" type="search" placeholder=${STRINGS.search} aria-label=${STRINGS.searchLabel} spellcheck="false"
      value=${filter.text} onInput=${({ target }) => set({ text: target.value })} />
    <label class="check"><input type="checkbox" checked=${filter.inBodies}
      onChange=${({ target }) => set({ inBodies: target.checked })} /> ${STRINGS.inBodies}</label>
    <${Chips} label=${STRINGS.kindLabel} all=${KINDS} chosen=${filter.kinds} names=${STRINGS.kinds}
      onChange=${(kinds) => set({ kinds })} />
    <${Chips} label=${STRINGS.statusLabel} all=${STATUSES} chosen=${filter.statuses} names=${{}}
      onChange=${(statuses) => set({ statuses })} />
    <input class="slower" type="number" min="0" placeholder=${STRINGS.slower} aria-label=${STRINGS.slower}
      value=${filter.slower} onInput=${({ target }) => set({ slower: target.value })} />
    <span class="space"></span>
    <button type="button" class=${classes(isPaused && 'on')} aria-pressed=${isPaused} onClick=${onPause}>
      ${isPaused ? STRINGS.resume(waiting) : STRINGS.pause}</button>
    <a class="button" href=${apiUrl('/har', queryOf(filter))} download="requests.har" title=${STRINGS.harTitle}>${STRINGS.har}</a>
    <button type="button" onClick=${() => ask('/clear', { method: 'POST', json: {} })}>${STRINGS.clear}</button>
  </div>`;
}

function Chips({ label, all, chosen, names, onChange }) {
  const toggle = (one) =>
    onChange(chosen.includes(one) ? chosen.filter((other) => other !== one) : [...chosen, one]);
  return html`<div class="chips" role="group" aria-label=${label}>
    ${all.map(
      (one) => html`<button type="button" class=${classes('chip', chosen.includes(one) && 'on')} key=${one}
      aria-pressed=${chosen.includes(one)} onClick=${() => toggle(one)}>${names[one] ?? one}</button>`,
    )}
  </div>`;
}
