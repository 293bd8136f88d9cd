/** One upload of the list: what it looks like, what its row says, and what can be asked of it. */
import { useState } from 'preact/hooks';
import { html } from '../dom.js';
import { bytes, clock } from '../format.js';
import { UPLOADS } from '../strings/uploads.js';

/** @param ask a call of the API, as whoever may see it */
export function UploadRow({ item, ask, onChange, say }) {
  const [answer, setAnswer] = useState(null);
  const path = `/api/uploads/${item.upload_id}`;
  const refresh = async () => onChange(await ask('GET', path));
  /** Whatever came of it, the row may say something else now. */
  const act = (what, show) => async () => {
    try {
      const found = await what();
      if (show) setAnswer(found);
    } catch ({ message }) {
      say(message);
    }
    await refresh().catch(({ message }) => say(message));
  };
  const actions = {
    ...(item.status === 'issued' &&
      !item.multipart && { freshUrl: act(() => ask('POST', `${path}/url`), true) }),
    ...(item.status === 'issued' &&
      item.multipart && { parts: act(() => ask('GET', `${path}/parts`), true) }),
    ...(item.status === 'issued' && { complete: act(() => ask('POST', `${path}/complete`, {})) }),
    ...(['issued', 'ready'].includes(item.status) && { remove: act(() => ask('DELETE', path)) }),
  };
  const { status, reason, kind, filename, size_bytes: size, file_url: url, created_at: at } = item;
  return html`<li class="card upload">
    <${Preview} item=${item} />
    <div class="line"><b class="filename" title=${filename}>${filename}</b><span class=${`state ${status}`}>${[status, reason].filter(Boolean).join(': ')}</span></div>
    <p class="facts">${[UPLOADS.kinds[kind], bytes(size), clock(Date.parse(at)), item.multipart && UPLOADS.inParts].filter(Boolean).join(' · ')}</p>
    <div class="line">
      ${status === 'ready' && html`<a class="button" href=${url} target="_blank" rel="noreferrer">${UPLOADS.open}</a>`}
      ${Object.entries(actions).map(([name, onClick]) => html`<button type="button" key=${name} onClick=${onClick}>${UPLOADS[name]}</button>`)}
    </div>
    ${answer?.upload_url && html`<${CurlButton} issued=${answer} say=${say} />`}
    ${answer && html`<pre tabindex="0">${JSON.stringify(answer, null, 2)}</pre>`}
    <details><summary>${UPLOADS.row}</summary><pre tabindex="0">${JSON.stringify(item, null, 2)}</pre></details>
  </li>`;
}

function Preview({ item: { status, content_type: type, file_url: url, filename } }) {
  if (status !== 'ready')
    return html`<div class="preview none" aria-hidden="true">${UPLOADS.noPreview}</div>`;
  // The kind says what was judged: an old client calls any video video/mp4.
  return type.startsWith('image/')
    ? html`<img class="preview" src=${url} alt=${filename} loading="lazy" />`
    : html`<video class="preview" src=${url} controls preload="metadata" aria-label=${filename}></video>`;
}

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

function CurlButton({ issued: { upload_url: url, headers }, say }) {
  const copy = async () => {
    const given = Object.entries(headers).map((pair) => `-H ${quoted(pair.join(': '))}`);
    try {
      await navigator.clipboard.writeText(['curl -i', ...given, '-T FILE', quoted(url)].join(' '));
      say(UPLOADS.copied);
    } catch {
      say(UPLOADS.copyFailed);
    }
  };
  return html`<button type="button" onClick=${copy}>${UPLOADS.copyPut}</button>`;
}
