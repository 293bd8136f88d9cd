/** Faults on a switch. */
import { useEffect, useState } from 'preact/hooks';
import { ask } from './api.js';
import { html } from './dom.js';
import { NEW, NONE, put } from './fault-rules.js';
import { STRINGS } from './strings/console.js';

const TEXT = STRINGS.faults;

/** @param faultDraft what the form begins with; null: an empty one @param faultVersion changes with the faults, so that it follows them */
export function Page({ faultDraft, faultVersion }) {
  const [faults, setFaults] = useState(NONE);
  const [error, setError] = useState(null);
  useEffect(() => {
    ask('/faults').then(setFaults, (reason) => setError(reason.message));
  }, [faultVersion]);
  const change = (next) =>
    put(next).then(
      (set) => {
        setFaults(set);
        setError(null);
      },
      (reason) => setError(reason.message),
    );
  const away = (part) => html`<label class="check"><input type="checkbox" checked=${faults.away[part]}
    onChange=${({ target }) => change({ ...faults, away: { ...faults.away, [part]: target.checked } })} /> ${TEXT[part]}</label>`;
  return html`<main class="faults">
    <h2>${TEXT.title}</h2><p class="quiet">${TEXT.about}</p>
    ${error && html`<p class="bad" role="alert">${error}</p>`}
    <div class="actions"><b>${TEXT.away}</b>${away('database')}${away('storage')}</div>
    ${faults.rules.length === 0 && html`<p class="quiet">${TEXT.none}</p>`}
    <ul>${faults.rules.map((rule) => html`<${Rule} key=${rule.id} rule=${rule} faults=${faults} change=${change} />`)}</ul>
    <${RuleForm} key=${faultDraft} draft=${faultDraft ?? NEW} onAdd=${(rule) => change({ ...faults, rules: [...faults.rules, rule] })} />
  </main>`;
}

function Rule({ rule, faults, change }) {
  const { id, isOn, kind, method, path } = rule;
  const others = faults.rules.filter((other) => other.id !== id);
  const set = (isNowOn) =>
    change({
      ...faults,
      rules: faults.rules.map((one) => (one.id === id ? { ...one, isOn: isNowOn } : one)),
    });
  return html`<li>
    <label class="check"><input type="checkbox" checked=${isOn} onChange=${({ target }) => set(target.checked)} />
      <b>${TEXT.kinds[kind]}</b> <span class="target">${method || TEXT.anyMethod} ${path}</span></label>
    <button type="button" onClick=${() => change({ ...faults, rules: others })}>${TEXT.remove}</button>
  </li>`;
}

const NUMBERS = {
  delay: ['delayMs'],
  error: [],
  cut: ['afterBytes'],
  trickle: ['bytesPerSecond'],
  answer: ['status'],
};

function RuleForm({ draft, onAdd }) {
  const [rule, setRule] = useState(draft);
  const set = (name) => (event) => setRule({ ...rule, [name]: event.target.value });
  const field = (name) =>
    html`<label key=${name}>${TEXT[name]}<input name=${name} value=${rule[name]} onInput=${set(name)} /></label>`;
  const add = (event) => {
    event.preventDefault();
    const headers = rule.headers
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => /^([^:]*):?\s?(.*)$/.exec(line).slice(1));
    const numbers = Object.fromEntries(NUMBERS[rule.kind].map((name) => [name, Number(rule[name])]));
    const { kind, method, path, body } = rule;
    const answer = kind === 'answer' ? { headers, body } : {};
    onAdd({ id: String(Date.now()), isOn: true, kind, method, path, ...answer, ...numbers });
  };
  return html`<form class="editor" onSubmit=${add}>
    <label>${TEXT.kind}<select name="kind" value=${rule.kind} onChange=${set('kind')}>
      ${Object.entries(TEXT.kinds).map(([kind, name]) => html`<option value=${kind}>${name}</option>`)}</select></label>
    ${field('method')}${field('path')}${NUMBERS[rule.kind].map(field)}
    ${
      rule.kind === 'answer' &&
      html`<label>${TEXT.headers}<textarea name="headers" rows="4" value=${rule.headers} onInput=${set('headers')}></textarea></label>
      <label>${TEXT.body}<textarea name="body" rows="6" value=${rule.body} onInput=${set('body')}></textarea></label>`
    }
    <div class="actions"><button type="submit" class="primary">${TEXT.add}</button></div>
  </form>`;
}
