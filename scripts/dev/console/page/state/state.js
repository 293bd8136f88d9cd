/** The page of the state: parts, data, work, webhooks, settings. */
import { useEffect, useState } from 'preact/hooks';
import { ask } from '../api.js';
import { html } from '../dom.js';
import { STATE } from '../strings/state.js';
import { Data } from './data.js';
import { Webhooks } from './webhooks.js';

const EVERY_MS = 2_000;
/** While something is under way. */
const SOON_MS = 300;

/** Looks again and again while somebody looks at it. @returns the view, and how it is asked for at once */
function useView() {
  const [view, setView] = useState(null);
  const [asked, setAsked] = useState(0);
  useEffect(() => {
    let timer;
    let isOver = false;
    const look = async () => {
      // While the sidecar restarts there is no answer, and the frame says so.
      const next = document.visibilityState === 'visible' ? await ask('/state').catch(() => null) : null;
      if (isOver) return;
      if (next !== null) setView(next);
      timer = setTimeout(look, next?.data?.task?.state === 'under way' ? SOON_MS : EVERY_MS);
    };
    look();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [asked]);
  return { view, again: () => setAsked((count) => count + 1) };
}

export function Page({ say, faultVersion }) {
  const { view, again } = useView();
  useEffect(again, [faultVersion]);
  return html`<main class="sheet">
    <h2>${STATE.title}</h2><p class="quiet">${STATE.about}</p>
    ${
      view &&
      html`<${Parts} parts=${view.parts} />
      <${Doctor} say=${say} />
      <${Data} data=${view.data} again=${again} say=${say} />
      <${Work} work=${view.work} />
      <${Webhooks} facts=${view.webhooks} again=${again} say=${say} />
      <${Settings} settings=${view.settings} />`
    }
  </main>`;
}

function Parts({ parts }) {
  return html`<section class="card" aria-label=${STATE.parts}><h3>${STATE.parts}</h3>
    <ul class="parts">${parts.map(
      ({ name, state, where, detail, remedy }) => html`<li key=${name} data-part=${name}>
        <div class="line"><span class=${`state ${state}`}>${STATE.states[state]}</span> <b>${STATE.partNames[name]}</b>
          <span class="quiet filename">${[where, detail].filter(Boolean).join(' · ')}</span></div>
        ${remedy && html`<p class="note">${remedy}</p>`}
      </li>`,
    )}</ul></section>`;
}

const CHIPS = { ok: 'ok', wrong: 'down' };

function Doctor({ say }) {
  const [results, setResults] = useState([]);
  const [isBusy, setBusy] = useState(false);
  const examine = async () => {
    setBusy(true);
    try {
      setResults((await ask('/doctor', { method: 'POST', json: {} })).results);
    } catch (error) {
      say(error.message);
    }
    setBusy(false);
  };
  return html`<section class="card" aria-label=${STATE.doctor}><h3>${STATE.doctor}</h3>
    <p class="quiet">${STATE.doctorAbout}</p>
    <div class="line"><button type="button" disabled=${isBusy} onClick=${examine}>${isBusy ? STATE.examining : STATE.examine}</button></div>
    <ul class="parts" aria-live="polite">${results.map(
      ({ area, name, status, text, remedy }) => html`<li key=${`${area} ${name}`}>
        <div class="line"><span class=${`state ${CHIPS[status] ?? ''}`}>${STATE.findings[status]}</span> <b>${area}: ${name}</b>
          <span class="quiet filename">${text}</span></div>
        ${remedy && html`<p class="note">${remedy}</p>`}
      </li>`,
    )}</ul></section>`;
}

const counts = (found, names = {}) =>
  Object.entries(found)
    .map(([status, count]) => `${count} ${names[status] ?? status}`)
    .join(', ') || STATE.none;

function Work({ work }) {
  if (typeof work === 'string')
    return html`<section class="card" aria-label=${STATE.work}><h3>${STATE.work}</h3><p class="note">${work}</p></section>`;
  const { uploads, due, reviews } = work;
  const { oldestSeconds, ...outbox } = work.outbox;
  const oldest = outbox.waiting > 0 ? ` · ${STATE.oldest(oldestSeconds)}` : '';
  return html`<section class="card" aria-label=${STATE.work}><h3>${STATE.work}</h3>
    <dl class="facts-list">
      <dt>${STATE.uploads}</dt><dd>${counts(uploads)} · ${STATE.due(due.count, due.oldestSeconds)}</dd>
      <dt>${STATE.reviews}</dt><dd>${counts(reviews)}</dd>
      <dt>${STATE.outbox}</dt><dd>${counts(outbox, STATE.outboxNames)}${oldest}</dd>
    </dl></section>`;
}

function Settings({ settings }) {
  const [isOnlySet, setOnlySet] = useState(true);
  const shown = settings.filter(({ from }) => !isOnlySet || from !== 'default');
  return html`<section class="card" aria-label=${STATE.settings}><h3>${STATE.settings}</h3>
    <p class="quiet">${STATE.settingsAbout}</p>
    <label class="check"><input type="checkbox" checked=${isOnlySet} onChange=${({ target }) => setOnlySet(target.checked)} /> ${STATE.onlySet}</label>
    <table class="settings"><thead><tr>${STATE.columns.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
      <tbody>${shown.map(
        ({ name, value, from }) =>
          html`<tr key=${name}><th scope="row">${name}</th><td>${value}</td><td class="quiet">${from}</td></tr>`,
      )}</tbody></table></section>`;
}
