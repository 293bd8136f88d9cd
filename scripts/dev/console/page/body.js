/** Heads and bodies. */
import { apiUrl } from './api.js';
import { html } from './dom.js';
import { STRINGS } from './strings/console.js';

export function Head({ title, head, onReveal }) {
  return html`<section>
    <h3>${title}</h3>
    ${
      head === null
        ? html`<p class="quiet">${STRINGS.noHead}</p>`
        : html`<div class="head" tabindex="0" role="group" aria-label=${title}><div class="line">${head.line}</div>
          ${head.headers.map(([name, value]) => html`<div><span class="name">${name}:</span> <${Value} value=${value} onReveal=${onReveal} /></div>`)}
        </div>`
    }
  </section>`;
}

/** A value; what is hidden in it is shown with a click. */
export function Value({ value, onReveal }) {
  if (!value.includes(HIDDEN)) return html`<span>${value}</span>`;
  return html`<button type="button" class="secret" title=${STRINGS.reveal} onClick=${onReveal}>${value}</button>`;
}

export const HIDDEN = '••••••';

export function Body({ n, way, body }) {
  if (body === null) return null;
  const facts = [
    body.contentType,
    body.coding && STRINGS.coded(body.coding),
    STRINGS.bytes(body.bytes),
  ].filter(Boolean);
  return html`<section>
    <h3>${STRINGS.body} <span class="facts">${facts.join(' · ')}</span></h3>
    ${body.cut && html`<p class="note">${body.cut}</p>`}
    ${body.kind === 'none' && html`<p class="quiet">${STRINGS.noBody}</p>`}
    ${body.kind === 'image' && html`<img class="shown" src=${apiUrl(`/requests/${n}/image/${way}`)} alt=${STRINGS.body} />`}
    ${body.text !== '' && html`<pre tabindex="0" class=${body.kind}>${body.text}</pre>`}
  </section>`;
}
