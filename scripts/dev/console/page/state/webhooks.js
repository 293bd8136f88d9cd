/** Webhooks as they came, and whether their signature is right. */
import { useEffect, useState } from 'preact/hooks';
import { ask } from '../api.js';
import { html } from '../dom.js';
import { clock } from '../format.js';
import { STATE } from '../strings/state.js';

const SHOWN = 20;

/** @param facts of the state: with their number the list is asked for anew */
export function Webhooks({ facts: { isOwn, status, count, last }, again, say }) {
  const [received, setReceived] = useState([]);
  const [limit, setLimit] = useState(SHOWN);
  useEffect(() => {
    ask('/webhooks').then(
      (answer) => setReceived(answer.received),
      () => undefined,
    );
  }, [count, last]);
  const set = (json) => ask('/webhooks', { method: 'PUT', json }).then(again, ({ message }) => say(message));
  const about = isOwn ? STATE.webhooksElsewhere : status === 0 ? STATE.noReceiver : STATE.webhooksAbout;
  return html`<section class="card" aria-label=${STATE.webhooks}><h3>${STATE.webhooks}</h3>
    <p class="quiet">${about}</p>
    ${
      status !== 0 &&
      html`<div class="line"><label class="check">${STATE.answerWith} <select value=${String(status)} onChange=${({ target }) => set({ status: Number(target.value) })}>
        ${Object.entries(STATE.answers).map(([value, name]) => html`<option key=${value} value=${value}>${name}</option>`)}</select></label>
        <button type="button" disabled=${count === 0} onClick=${() => set({ clear: true })}>${STATE.clear}</button></div>
      ${received.length === 0 && html`<p class="quiet">${STATE.noWebhooks}</p>`}
      <ul class="parts">${received.slice(0, limit).map((webhook) => html`<${Received} key=${webhook.n} webhook=${webhook} />`)}</ul>
      ${received.length > limit && html`<button type="button" onClick=${() => setLimit(limit + SHOWN)}>${STATE.more(received.length - limit)}</button>`}`
    }
  </section>`;
}

function Received({ webhook: { at, type, id, attempt, problem, status, headers, body } }) {
  return html`<li><details>
    <summary><span class=${`state ${problem === null ? 'ok' : 'down'}`}>${problem === null ? STATE.verified : STATE.forged(problem)}</span>
      <b> ${type}</b> <span class="quiet">${clock(at)} · ${STATE.attempt(attempt)} · ${STATE.answered(status)} · ${id}</span></summary>
    <h4>${STATE.headers}</h4>
    <pre tabindex="0">${headers.map((pair) => pair.join(': ')).join('\n')}</pre>
    <h4>${STATE.body}</h4>
    <pre tabindex="0">${pretty(body)}</pre>
  </details></li>`;
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
