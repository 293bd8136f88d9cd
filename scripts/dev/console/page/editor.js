/** A request, to be edited and sent again. */
import { useState } from 'preact/hooks';
import { ask } from './api.js';
import { html } from './dom.js';
import { STRINGS } from './strings/console.js';

const TEXT = STRINGS.editor;

export function Editor({ detail, onDone, say }) {
  const { n, method, target, request, requestBody } = detail;
  const original = {
    method,
    target,
    headers: request.headers.map((pair) => pair.join(': ')).join('\n'),
    body: requestBody.text,
  };
  const [draft, setDraft] = useState(original);
  const [error, setError] = useState(null);
  const set = (name) => (event) => setDraft({ ...draft, [name]: event.target.value });
  const isText = requestBody.cut === null && ['json', 'text', 'none'].includes(requestBody.kind);

  const send = async (event) => {
    event.preventDefault();
    const headers = draft.headers
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => /^([^:]*):?\s?(.*)$/.exec(line).slice(1));
    const body = draft.body === original.body ? {} : { body: draft.body };
    try {
      await ask(`/requests/${n}/resend`, {
        method: 'POST',
        json: { method: draft.method, target: draft.target, headers, ...body },
      });
      say(TEXT.sent);
      onDone();
    } catch (reason) {
      setError(reason.message);
    }
  };
  return html`<form class="editor" aria-label=${TEXT.title} onSubmit=${send}>
    <div class="pair">
      <label>${TEXT.method}<input name="method" size="8" value=${draft.method} onInput=${set('method')} /></label>
      <label class="wide">${TEXT.target}<input name="target" value=${draft.target} onInput=${set('target')} /></label>
    </div>
    <label>${TEXT.headers}<textarea name="headers" rows="6" spellcheck="false" value=${draft.headers} onInput=${set('headers')}></textarea></label>
    ${isText && html`<label>${TEXT.body}<textarea name="body" rows="6" spellcheck="false" value=${draft.body} onInput=${set('body')}></textarea></label>`}
    ${requestBody.bytes > 0 && html`<p class="quiet">${TEXT.asItWas(requestBody.bytes)}</p>`}
    ${error && html`<p class="bad" role="alert">${error}</p>`}
    <div class="actions"><button type="submit" class="primary">${TEXT.send}</button>
      <button type="button" onClick=${onDone}>${TEXT.cancel}</button></div>
  </form>`;
}
