/** All that is known of one request. */
import { useEffect, useState } from 'preact/hooks';
import { ask } from './api.js';
import { Body, Head, Value } from './body.js';
import { classes, html } from './dom.js';
import { Editor } from './editor.js';
import { bytes, clock, duration } from './format.js';
import { Frames } from './frames.js';
import { STRINGS } from './strings/console.js';
import { Timing } from './timing.js';

/** Asks again when the row has changed. */
function useDetail(n, row, isRevealed) {
  const [detail, setDetail] = useState(null);
  const [error, setError] = useState(null);
  const version = `${row?.ms} ${row?.bytesIn} ${row?.bytesOut} ${row?.kind} ${row?.isPinned}`;
  useEffect(() => {
    let isOld = false;
    const query = isRevealed ? { reveal: '1' } : {};
    ask(`/requests/${n}`, { query }).then(
      (found) => {
        if (isOld) return;
        setDetail(found);
        setError(null);
      },
      (reason) => !isOld && setError(reason.message),
    );
    return () => {
      isOld = true;
    };
  }, [n, version, isRevealed]);
  return { detail: detail?.n === n ? detail : null, error };
}

export function Detail({ n, row, onClose, isEditing, onEdit, onAnswerLike, say }) {
  const [isRevealed, setRevealed] = useState(false);
  const [tab, setTab] = useState('overview');
  const { detail, error } = useDetail(n, row, isRevealed);
  useEffect(() => setRevealed(false), [n]);
  if (detail === null)
    return html`<div class="detail"><p class="quiet pad" role="status">${error ?? STRINGS.pending}</p></div>`;
  const tabs = tabsOf(detail);
  const shown = tabs.includes(tab) ? tab : 'overview';
  const reveal = () => setRevealed(true);
  return html`<div class="detail">
    <${Title} detail=${detail} onClose=${onClose} />
    <${Actions} detail=${detail} isRevealed=${isRevealed} onReveal=${() => setRevealed(!isRevealed)} onEdit=${onEdit} onAnswerLike=${onAnswerLike} say=${say} />
    ${isEditing && html`<${Editor} detail=${detail} onDone=${onEdit} say=${say} />`}
    <div class="tabs" role="tablist" aria-label=${STRINGS.title}>
      ${tabs.map(
        (name) => html`<button type="button" role="tab" id=${`tab-${name}`} aria-controls="panel" key=${name}
        aria-selected=${name === shown} class=${classes('tab', name === shown && 'on')} onClick=${() => setTab(name)}>${STRINGS.tabs[name]}</button>`,
      )}
    </div>
    <div class="panel" role="tabpanel" id="panel" aria-labelledby=${`tab-${shown}`} tabindex="0">
      <${Panel} tab=${shown} detail=${detail} onReveal=${reveal} say=${say} />
    </div>
  </div>`;
}

function tabsOf({ events, log, messages }) {
  return [
    'overview',
    'request',
    'response',
    ...(events === null ? [] : ['stream']),
    ...(messages === null ? [] : ['frames']),
    ...(log.length > 0 ? ['log'] : []),
  ];
}

function Title({ detail, onClose }) {
  const { n, method, target, status, ms, bytesIn, bytesOut, kind, user, at, isAborted, resentFrom, fault } =
    detail;
  const facts = [
    STRINGS.kinds[kind],
    clock(at),
    ms === null ? STRINGS.pending : duration(ms),
    `↑ ${bytes(bytesIn)}  ↓ ${bytes(bytesOut)}`,
    user && STRINGS.by(user),
    isAborted && STRINGS.aborted,
    fault !== null && STRINGS.fault(fault),
    resentFrom !== null && STRINGS.resentFrom(resentFrom),
  ].filter(Boolean);
  return html`<header class="title">
    <div>
      <h2><span class="number">#${n}</span> <b>${method}</b> <span class="target">${target}</span> <span class=${`status s${Math.floor(status / 100)}`}>${status || STRINGS.pending}</span></h2>
      <p class="facts">${facts.join(' · ')}</p>
    </div>
    <button type="button" class="close" aria-label=${STRINGS.close} title=${STRINGS.close} onClick=${onClose}>×</button>
  </header>`;
}

function Actions({ detail, isRevealed, onReveal, onEdit, onAnswerLike, say }) {
  const { n, isPinned, resend } = detail;
  return html`<div class="actions">
    <button type="button" aria-pressed=${isPinned} class=${classes(isPinned && 'on')} onClick=${() => pin(detail)}>${isPinned ? STRINGS.unpin : STRINGS.pin}</button>
    <button type="button" onClick=${() => copyCurl(n, isRevealed, say)}>${STRINGS.curl}</button>
    <button type="button" disabled=${!resend.isPossible} onClick=${onEdit}>${STRINGS.edit}</button>
    <button type="button" aria-pressed=${isRevealed} class=${classes(isRevealed && 'on')} onClick=${onReveal}>${isRevealed ? STRINGS.hide : STRINGS.reveal}</button>
    ${detail.response && html`<button type="button" onClick=${() => onAnswerLike(detail)}>${STRINGS.answerLike}</button>`}
    ${!resend.isPossible && html`<span class="note">${resend.reason}</span>`}
  </div>`;
}

export const pin = ({ n, isPinned }) =>
  ask(`/requests/${n}/pin`, { method: 'POST', json: { pinned: !isPinned } });

export async function copyCurl(n, isRevealed, say) {
  try {
    const command = await ask(`/requests/${n}/curl`, { query: isRevealed ? { reveal: '1' } : {} });
    await navigator.clipboard.writeText(command);
    say(STRINGS.copied);
  } catch (error) {
    say(error.name === 'NotAllowedError' ? STRINGS.copyFailed : error.message);
  }
}

function Panel({ tab, detail, onReveal, say }) {
  const { n, request, response, backendRequest, backendResponse, requestBody, responseBody, events, log } =
    detail;
  if (tab === 'request') {
    return html`<${Head} title=${STRINGS.received} head=${request} onReveal=${onReveal} />
      <${Body} n=${n} way="in" body=${requestBody} />
      ${backendRequest && html`<${Head} title=${STRINGS.sentToBackend} head=${backendRequest} onReveal=${onReveal} />`}`;
  }
  if (tab === 'response') {
    return html`<${Head} title=${STRINGS.sent} head=${response} onReveal=${onReveal} />
      <${Body} n=${n} way="out" body=${responseBody} />
      ${backendResponse && html`<${Head} title=${STRINGS.receivedFromBackend} head=${backendResponse} onReveal=${onReveal} />`}`;
  }
  if (tab === 'frames') return html`<${Frames} detail=${detail} say=${say} />`;
  if (tab === 'stream') return html`<${Stream} events=${events} />`;
  if (tab === 'log') return html`<pre tabindex="0">${log.join('\n')}</pre>`;
  return html`<${Timing} detail=${detail} /><${Changes} detail=${detail} onReveal=${onReveal} />
    <${Body} n=${n} way="out" body=${responseBody} />`;
}

function Stream({ events }) {
  if (events.length === 0) return html`<p class="quiet">${STRINGS.noStream}</p>`;
  return html`<ol class="stream">${events.map(({ at, text }) => html`<li><span class="bar-ms">${duration(at)}</span><pre>${text}</pre></li>`)}</ol>`;
}

function Changes({ detail: { changes }, onReveal }) {
  if (changes === null) return null;
  const list = (title, found) => html`<h4>${title}</h4>
    ${found === null && html`<p class="quiet">${STRINGS.noAnswer}</p>`}
    ${found?.length === 0 && html`<p class="quiet">${STRINGS.noChanges}</p>`}
    ${found?.map(
      ({ name, before, after }) => html`<div class="change">
      <span class="name">${name}</span>
      ${before !== null && html`<del><${Value} value=${before} onReveal=${onReveal} /></del>`}
      ${after !== null && html`<ins><${Value} value=${after} onReveal=${onReveal} /></ins>`}
    </div>`,
    )}`;
  return html`<section><h3>${STRINGS.changes}</h3>
    ${list(STRINGS.changesOfRequest, changes.request)}${list(STRINGS.changesOfResponse, changes.response)}</section>`;
}
