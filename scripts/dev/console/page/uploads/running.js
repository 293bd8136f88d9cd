/** Uploads under way, and those that a reload has interrupted. */
import { html } from '../dom.js';
import { bytes, clock } from '../format.js';
import { UPLOADS } from '../strings/uploads.js';
import {
  abort,
  abortInterrupted,
  begin,
  clear,
  interrupted,
  isSameFile,
  pause,
  resume,
  tryAgain,
} from './jobs.js';

export function Jobs({ jobs }) {
  if (jobs.length === 0) return null;
  return html`<section aria-label=${UPLOADS.running}><h3>${UPLOADS.running}</h3>
    <ul class="cards">${jobs.map((job) => html`<${Job} key=${job.key} job=${job} />`)}</ul></section>`;
}

const ACTIONS = {
  sending: { pause, abort },
  paused: { resume, abort },
  failed: { tryAgain, clear },
  ready: { clear },
  aborted: { clear },
};

function Job({ job }) {
  const { file, how, user, state, sentBytes, error, retry, seen } = job;
  const percent = file.size === 0 ? 0 : Math.floor((100 * sentBytes) / file.size);
  return html`<li class="card job">
    <div class="line"><b class="filename">${file.name}</b><span class="facts">${[UPLOADS.kinds[how.kind], UPLOADS.as(user)].join(' · ')}</span>
      <span class="space"></span>
      ${Object.entries(ACTIONS[state]).map(
        ([name, act]) =>
          html`<button type="button" key=${name} onClick=${() => act(job)}>${UPLOADS[name]}</button>`,
      )}</div>
    <progress max=${file.size} value=${sentBytes} aria-label=${UPLOADS.progress(file.name)}></progress>
    <p class="facts"><b class=${`state ${state}`}>${UPLOADS.states[state]}</b> ${UPLOADS.sent(percent, bytes(sentBytes), bytes(file.size))}</p>
    ${retry && html`<p class="note" role="status">${UPLOADS.retry(retry.message, Math.round(retry.waitMs / 1000))}</p>`}
    ${error && html`<p class="bad" role="alert">${error}</p>`}
    ${seen.length > 0 && html`<p class="row-says"><span class="quiet">${UPLOADS.rowSays}</span> ${seen.map(({ at, note }) => `${clock(at)} ${UPLOADS.note(note)}`).join(' → ')}</p>`}
  </li>`;
}

/** @param user of these and no other */
export function Interrupted({ user, say }) {
  const found = interrupted().filter(({ account }) => account === user.account);
  if (found.length === 0) return null;
  return html`<section aria-label=${UPLOADS.interrupted}><h3>${UPLOADS.interrupted}</h3>
    <ul class="cards">${found.map((kept) => html`<${Left} key=${kept.name} kept=${kept} user=${user} say=${say} />`)}</ul></section>`;
}

function Left({ kept, user, say }) {
  const { file, how } = kept;
  const goOn = ({ target }) => {
    const [again] = target.files;
    target.value = '';
    if (again === undefined) return;
    if (isSameFile(kept, again)) begin(again, how, user);
    else say(UPLOADS.anotherFile(file.name));
  };
  const drop = () => abortInterrupted(kept, user).catch(({ message }) => say(message));
  return html`<li class="card line"><b class="filename">${file.name}</b>
    <span class="facts">${[bytes(file.size), UPLOADS.kinds[how.kind]].join(' · ')}</span><span class="space"></span>
    <label class="button file">${UPLOADS.chooseAgain}<input type="file" onChange=${goOn} /></label>
    <button type="button" onClick=${drop}>${UPLOADS.abort}</button></li>`;
}
