/** The console's page: the frame around its pages, and which of them is shown. */
import './node-env.js';
import { render } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { html } from './dom.js';
import { ruleLike, switchAllOff } from './fault-rules.js';
import { bytes } from './format.js';
import { useKeys } from './keys.js';
import { go, lazy, Navigation, useRoute } from './navigation.js';
import { Requests, useRequests } from './requests.js';
import { STRINGS } from './strings/console.js';

/** In the order of their links. Each module is of its own, and exports its page as `Page`. */
const PAGES = {
  requests: Requests,
  faults: lazy(() => import('./faults.js')),
  uploads: lazy(() => import('./uploads/uploads.js')),
  reviews: lazy(() => import('./reviews/reviews.js')),
  api: lazy(() => import('./api/api.js')),
  state: lazy(() => import('./state/state.js')),
};
const NAMES = Object.keys(PAGES);
const TOLD_FOR_MS = 2_500;

/** A sentence that goes away by itself. */
function useToast() {
  const [text, setText] = useState('');
  const timer = useRef();
  const say = (sentence) => {
    setText(sentence);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setText(''), TOLD_FOR_MS);
  };
  return [text, say];
}

function App() {
  const { name, rest } = useRoute(NAMES);
  const [toast, say] = useToast();
  const [faultDraft, setFaultDraft] = useState(null);
  // Here, so that the list goes on and keeps what is chosen while another page is shown.
  const requests = useRequests();
  const { state, isConnected } = requests;
  const sayKeys = () => say(STRINGS.keys[name] ?? STRINGS.keys.other);
  useKeys({ '?': sayKeys });
  useEffect(() => {
    document.title = `${STRINGS.pages[name]} · ${STRINGS.product}`;
    if (name !== 'faults') setFaultDraft(null);
  }, [name]);
  const onAnswerLike = (detail) => {
    setFaultDraft(ruleLike(detail));
    go('faults');
  };
  // Rows come ten times a second; what has nothing to do with them is not drawn for each.
  const other = useMemo(
    () => html`<${PAGES[name]} key=${name} ...${{ rest, say, faultDraft }} faultVersion=${state.faults} />`,
    [name, rest.join('/'), faultDraft, state.faults],
  );
  return html`<div class="page">
    <header class="top">
      <h1>${STRINGS.title} <span>${STRINGS.product}</span></h1>
      <${Navigation} names=${NAMES} shown=${name} />
      <span class="space"></span>
      <span class="facts">${STRINGS.kept(state.kept, bytes(state.bytes))}</span>
      <button type="button" class="help" aria-label=${STRINGS.keysLabel} title=${STRINGS.keysLabel} onClick=${sayKeys}>?</button>
    </header>
    ${state.faults > 0 && html`<p class="banner" role="status">${STRINGS.faultBanner(state.faults)} <button type="button" onClick=${switchAllOff}>${STRINGS.faultOff}</button></p>`}
    ${state.dropped > 0 && html`<p class="banner" role="status">${STRINGS.dropped(state.dropped)}</p>`}
    ${!isConnected && html`<p class="banner" role="status">${STRINGS.reconnecting}</p>`}
    ${name === 'requests' ? html`<${Requests} ...${{ requests, say, onAnswerLike }} />` : other}
    <div class=${`toast${toast === '' ? '' : ' shown'}`} role="status">${toast}</div>
  </div>`;
}

render(html`<${App} />`, document.getElementById('app'));
