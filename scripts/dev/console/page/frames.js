/** What is said on a WebSocket, and saying something oneself. */
import { useState } from 'preact/hooks';
import { ask } from './api.js';
import { html } from './dom.js';
import { duration } from './format.js';
import { STRINGS } from './strings/console.js';

const TEXT = STRINGS.frames;

export function Frames({ detail, say }) {
  const { messages, isOver } = detail;
  return html`${!isOver && html`<${Speak} n=${detail.n} say=${say} />`}
    ${messages.length === 0 && html`<p class="quiet">${TEXT.none}</p>`}
    <ol class="stream">${messages.map((message) => html`<${Message} message=${message} />`)}</ol>`;
}

function Message({ message: { at, way, kind, text, bytes, isCompressed, frames, code } }) {
  const facts = [
    way === 'in' ? `↑ ${TEXT.in}` : `↓ ${TEXT.out}`,
    kind,
    code,
    STRINGS.bytes(bytes),
    isCompressed && TEXT.deflated,
    frames > 1 && TEXT.parts(frames),
  ];
  return html`<li>
    <span class="bar-ms">${duration(at)}</span>
    <div class="said"><span class="facts">${facts.filter(Boolean).join(' · ')}</span>${text && html`<pre>${text}</pre>`}</div>
  </li>`;
}

function Speak({ n, say }) {
  const [text, setText] = useState('');
  const [code, setCode] = useState('1000');
  const send = (json) =>
    ask(`/requests/${n}/frame`, { method: 'POST', json }).catch((error) => say(error.message));
  return html`<form class="speak" onSubmit=${(event) => event.preventDefault()}>
    <label class="wide">${TEXT.say}<input name="frame" value=${text} onInput=${({ target }) => setText(target.value)} /></label>
    <button type="button" onClick=${() => send({ to: 'backend', text })}>${TEXT.toBackend}</button>
    <button type="button" onClick=${() => send({ to: 'client', text })}>${TEXT.toClient}</button>
    <label>${TEXT.close}<input name="code" size="5" value=${code} onInput=${({ target }) => setCode(target.value)} /></label>
    <button type="button" onClick=${() => send({ to: 'client', code }).then(() => send({ to: 'backend', code }))}>${STRINGS.close}</button>
  </form>`;
}
