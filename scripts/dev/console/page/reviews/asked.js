/** A small form for what an action needs to know. */
import { useState } from 'preact/hooks';
import { html, useFirstField } from '../dom.js';
import { REVIEWS } from '../strings/reviews.js';

/** @param fields `{name, label, value, options, isLong}` @param onSend gets what was given, by name; what it throws is shown */
export function Asked({ title, fields, onSend, onCancel }) {
  const [given, setGiven] = useState(
    Object.fromEntries(fields.map(({ name, value = '', options }) => [name, options?.[0] ?? value])),
  );
  const [error, setError] = useState(null);
  const form = useFirstField();
  const send = async (event) => {
    event.preventDefault();
    await onSend(given).catch(({ message }) => setError(message));
  };
  return html`<form ref=${form} class="editor" aria-label=${title} onSubmit=${send}>
    ${fields.map((field) => {
      const onInput = ({ target }) => setGiven({ ...given, [field.name]: target.value });
      return html`<label key=${field.name}>${field.label}<${Field} field=${field} value=${given[field.name]} onInput=${onInput} /></label>`;
    })}
    ${error && html`<p class="bad" role="alert">${error}</p>`}
    <div class="actions"><button type="submit" class="primary">${REVIEWS.send}</button>
      <button type="button" onClick=${onCancel}>${REVIEWS.cancel}</button></div>
  </form>`;
}

function Field({ field: { name, options, isLong }, value, onInput }) {
  if (isLong) return html`<textarea name=${name} rows="3" value=${value} onInput=${onInput}></textarea>`;
  if (options === undefined) return html`<input name=${name} value=${value} onInput=${onInput} />`;
  return html`<select name=${name} value=${value} onChange=${onInput}>${options.map(
    (option) => html`<option key=${option} value=${option}>${REVIEWS.reasons[option]}</option>`,
  )}</select>`;
}
