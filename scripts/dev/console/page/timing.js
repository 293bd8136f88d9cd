/** A request's time as bars, one under the other. */
import { html } from './dom.js';
import { duration } from './format.js';
import { STRINGS } from './strings/console.js';

/** What a request was at, in order: a name, and from when to when. */
function phasesOf({ marks, ms }) {
  const { bodyIn, toBackend, fromBackend, firstOut = ms } = marks;
  const phases = [];
  if (bodyIn !== undefined) phases.push(['bodyIn', 0, bodyIn]);
  if (toBackend === undefined) phases.push(['wait', 0, firstOut]);
  else {
    phases.push(['sidecar', 0, toBackend]);
    if (fromBackend !== undefined) phases.push(['backend', toBackend, fromBackend]);
  }
  if (ms > firstOut) phases.push(['out', firstOut, ms]);
  return phases;
}

export function Timing({ detail }) {
  const { ms, steps } = detail;
  if (ms === null) return null;
  const bars = [
    ...phasesOf(detail).map(([name, from, to]) => ({ kind: name, label: STRINGS.phases[name], from, to })),
    ...steps.map(({ kind, what, at, ms: took, error }) => ({
      ...{ kind, label: STRINGS.stepKinds[kind], what, from: at, to: at + took, error },
    })),
  ];
  return html`<section>
    <h3>${STRINGS.timing} <span class="facts">${duration(ms)}</span></h3>
    <ol class="bars">${bars.map((bar) => html`<${Bar} bar=${bar} total=${ms} />`)}</ol>
  </section>`;
}

function Bar({ bar, total }) {
  const { kind, label, what, from, to, error } = bar;
  const percent = (ms) => `${Math.min(100, (100 * ms) / Math.max(total, 0.001))}%`;
  return html`<li>
    <span class="bar-label">${label}</span>
    <span class="track"><span class=${`bar bar-${kind}`} style=${{ left: percent(from), width: percent(to - from) }}></span></span>
    <span class="bar-ms">${duration(to - from)}</span>
    ${what && html`<code class="what">${what}</code>`}
    ${error && html`<span class="bad">${error}</span>`}
  </li>`;
}
