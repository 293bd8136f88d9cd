/** The page of the uploads: files go up by the example client, and what became of them is listed. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { classes, html } from '../dom.js';
import { call } from '../public-api.js';
import { UPLOADS } from '../strings/uploads.js';
import { Users, useUser } from '../users.js';
import { begin, useJobs } from './jobs.js';
import { UploadList } from './list.js';
import { Interrupted, Jobs } from './running.js';

/** @returns what files may be, or why there are none */
function useLimits() {
  const [limits, setLimits] = useState({ kinds: {}, error: null });
  useEffect(() => {
    call(null, 'GET', '/api/uploads/limits').then(
      ({ kinds }) => setLimits({ kinds, error: null }),
      ({ message }) => setLimits({ kinds: {}, error: message }),
    );
  }, []);
  return limits;
}

export function Page({ say }) {
  const chosen = useUser();
  const { user } = chosen;
  const { kinds, error } = useLimits();
  const jobs = useJobs();
  const over = jobs.filter(({ state }) => ['ready', 'aborted', 'failed'].includes(state)).length;
  return html`<main class="sheet">
    <h2>${UPLOADS.title}</h2><p class="quiet">${UPLOADS.about}</p>
    <${Users} chosen=${chosen} />
    ${error && html`<p class="note" role="alert">${error}</p>`}
    <${DropZone} kinds=${kinds} user=${user} />
    <${Jobs} jobs=${jobs} />
    ${user && html`<${Interrupted} user=${user} say=${say} />`}
    ${user && html`<${UploadList} key=${user.account} user=${user} kinds=${Object.keys(kinds)} over=${over} say=${say} />`}
  </main>`;
}

/** The first kind that takes such a file; when none does, the API shall say so. */
function kindOf(file, kinds) {
  const names = Object.keys(kinds);
  return names.find((kind) => kinds[kind].content_types.includes(file.type)) ?? names[0];
}

const WAYS = { auto: undefined, single: false, parts: true };

function DropZone({ kinds, user }) {
  const [kind, setKind] = useState('auto');
  const [way, setWay] = useState('auto');
  const [isOver, setOver] = useState(false);
  const input = useRef(null);
  const names = Object.keys(kinds);
  const isReady = user !== null && names.length > 0;
  const take = (files) => {
    if (!isReady) return;
    for (const file of files) {
      const is = kind === 'auto' ? kindOf(file, kinds) : kind;
      // Images are never in parts.
      const multipart = is.endsWith('_video') ? WAYS[way] : undefined;
      begin(file, { kind: is, ...(multipart === undefined ? {} : { multipart }) }, user);
    }
  };
  const drop = (event) => {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files);
  };
  const over = (event) => {
    event.preventDefault();
    setOver(true);
  };
  return html`<div class=${classes('drop', isOver && 'over')} onDrop=${drop} onDragOver=${over} onDragLeave=${() => setOver(false)}>
    <p>${UPLOADS.drop} <button type="button" class="primary" disabled=${!isReady} onClick=${() => input.current.click()}>${UPLOADS.choose}</button></p>
    <input ref=${input} type="file" multiple hidden aria-label=${UPLOADS.choose}
      onChange=${({ target }) => {
        take([...target.files]);
        target.value = '';
      }} />
    <div class="line">
      <label>${UPLOADS.kind} <select name="kind" value=${kind} onChange=${({ target }) => setKind(target.value)}>
        ${['auto', ...names].map((name) => html`<option key=${name} value=${name}>${UPLOADS.kinds[name] ?? name}</option>`)}</select></label>
      <label>${UPLOADS.way} <select name="way" value=${way} onChange=${({ target }) => setWay(target.value)}>
        ${Object.keys(WAYS).map((name) => html`<option key=${name} value=${name}>${UPLOADS.ways[name]}</option>`)}</select></label>
    </div>
  </div>`;
}
