/** Demo data: put in, kept in sets, brought back, taken away. */
import { useEffect, useState } from 'preact/hooks';
import { ask } from '../api.js';
import { html } from '../dom.js';
import { bytes } from '../format.js';
import { STATE } from '../strings/state.js';

/** How long a button asks whether it is meant, ms. */
const ASKS_FOR_MS = 4_000;

/** What takes something away is clicked twice. */
function Careful({ label, question, disabled, onDo }) {
  const [isAsking, setAsking] = useState(false);
  useEffect(() => {
    if (!isAsking) return;
    const timer = setTimeout(() => setAsking(false), ASKS_FOR_MS);
    return () => clearTimeout(timer);
  }, [isAsking]);
  const click = () => {
    setAsking(!isAsking);
    if (isAsking) onDo();
  };
  return html`<button type="button" class=${isAsking ? 'primary' : ''} disabled=${disabled} onClick=${click}>${isAsking ? question : label}</button>`;
}

export function Data({ data, again, say }) {
  const [name, setName] = useState('');
  if (data === null)
    return html`<section class="card" aria-label=${STATE.data}><h3>${STATE.data}</h3><p class="quiet">${STATE.noData}</p></section>`;
  const { task, sets } = data;
  const isBusy = task?.state === 'under way';
  const run = (action, of = '') =>
    ask('/data', { method: 'POST', json: { action, name: of } }).then(again, ({ message }) => say(message));
  const save = (event) => {
    event.preventDefault();
    run('save', name);
    setName('');
  };
  return html`<section class="card" aria-label=${STATE.data}><h3>${STATE.data}</h3>
    <p class="quiet">${STATE.dataAbout}</p>
    <div class="line">
      <button type="button" class="primary" disabled=${isBusy} onClick=${() => run('fill')}>${STATE.fill}</button>
      ${sets && html`<${Careful} label=${STATE.reset} question=${STATE.really.reset} disabled=${isBusy} onDo=${() => run('reset')} />`}
    </div>
    <${Task} task=${task} />
    ${
      sets === null
        ? html`<p class="quiet">${STATE.ownDatabase}</p>`
        : html`<h4>${STATE.sets}</h4><p class="quiet">${STATE.setsAbout}</p>
      <form class="line" onSubmit=${save}>
        <input aria-label=${STATE.setName} placeholder=${STATE.setName} required pattern="[a-z0-9][a-z0-9\\-]*" maxlength="31"
          value=${name} onInput=${({ target }) => setName(target.value)} />
        <button type="submit" disabled=${isBusy}>${STATE.save}</button>
      </form>
      ${sets.length === 0 && html`<p class="quiet">${STATE.noSets}</p>`}
      <ul class="parts">${sets.map(
        (
          set,
        ) => html`<li key=${set.name} class="line"><b>${set.name}</b> <span class="quiet">${bytes(set.bytes)}</span>
          <${Careful} label=${STATE.load} question=${STATE.really.load} disabled=${isBusy} onDo=${() => run('load', set.name)} />
          <${Careful} label=${STATE.remove} question=${STATE.really.remove} disabled=${isBusy} onDo=${() => run('remove', set.name)} /></li>`,
      )}</ul>`
    }
  </section>`;
}

function Task({ task }) {
  if (task === null) return null;
  const { state, share, text } = task;
  return html`<div role="status">
    ${state === 'under way' && html`<progress aria-label=${STATE.progress} max="1" value=${share}></progress>`}
    <p class=${state === 'failed' ? 'bad' : 'quiet'}>${text}</p>
  </div>`;
}
