/** Writing a review, or editing one's own, with pictures and videos. */
import { useState } from 'preact/hooks';
import { createUploader } from '/dev/examples/upload.ts';
import { html, useFirstField } from '../dom.js';
import { call } from '../public-api.js';
import { REVIEWS } from '../strings/reviews.js';

const TEXT = REVIEWS.form;

/** @param path of the product's reviews @param review one's own; null: it is the first */
export function ReviewForm({ path, user, review, onDone, onCancel, say }) {
  const [draft, setDraft] = useState({
    ...{ rating: review?.rating ?? 5, title: review?.title ?? '', text: review?.text ?? '' },
    ...{ name: '', files: [], isWithout: false },
  });
  const [busy, setBusy] = useState(null);
  const [error, setError] = useState(null);
  const form = useFirstField();
  const set = (name) => (event) => setDraft({ ...draft, [name]: event.target.value });
  const send = async (event) => {
    event.preventDefault();
    setError(null);
    try {
      const media = await mediaOf(draft, user, setBusy);
      const { rating, title, text, name } = draft;
      const json = { rating, title, text, ...(name === '' ? {} : { display_name: name }), ...media };
      const answer = review
        ? await call(user.token, 'PATCH', `${path}/me`, json)
        : await call(user.token, 'POST', path, json);
      const { status, pending_edit: waits } = answer.review;
      say(waits ? TEXT.waits : (TEXT.became[status] ?? status));
      onDone();
    } catch ({ message }) {
      setBusy(null);
      setError(message);
    }
  };
  return html`<form ref=${form} class="editor" aria-label=${TEXT.title} onSubmit=${send}>
    <fieldset><legend>${TEXT.rating}</legend>${[1, 2, 3, 4, 5].map(
      (
        rating,
      ) => html`<label class="check" key=${rating}><input type="radio" name="rating" checked=${draft.rating === rating}
        onChange=${() => setDraft({ ...draft, rating })} /> ${rating} ★</label>`,
    )}</fieldset>
    <label>${TEXT.headline}<input name="title" value=${draft.title} onInput=${set('title')} /></label>
    <label>${TEXT.text}<textarea name="text" rows="4" value=${draft.text} onInput=${set('text')}></textarea></label>
    <label>${TEXT.name}<select name="display-name" value=${draft.name} onChange=${set('name')}>
      ${['', 'full', 'short'].map((name) => html`<option key=${name} value=${name}>${TEXT.names[name]}</option>`)}</select></label>
    <label>${TEXT.media}<input type="file" name="media" multiple accept="image/*,video/*" onChange=${({ target }) => setDraft({ ...draft, files: [...target.files] })} /></label>
    ${
      review?.media.length > 0 &&
      html`<label class="check"><input type="checkbox" checked=${draft.isWithout} onChange=${({ target }) => setDraft({ ...draft, isWithout: target.checked })} /> ${TEXT.without(review.media.length)}</label>`
    }
    ${busy && html`<p class="quiet" role="status">${busy}</p>`}
    ${error && html`<p class="bad" role="alert">${error}</p>`}
    <div class="actions"><button type="submit" class="primary" disabled=${busy !== null}>${TEXT.send}</button>
      <button type="button" onClick=${onCancel}>${TEXT.cancel}</button></div>
  </form>`;
}

/** The files go up first, and are named in the review; without any, what is there stays. */
async function mediaOf({ files, isWithout }, user, tell) {
  if (files.length === 0) return isWithout ? { media_upload_ids: null } : {};
  const uploader = createUploader({ apiUrl: location.origin, token: user.token });
  const ids = [];
  for (const file of files) {
    const kind = file.type.startsWith('image/') ? 'review_image' : 'review_video';
    const onProgress = ({ sentBytes, totalBytes }) =>
      tell(TEXT.sending(file.name, Math.floor((100 * sentBytes) / totalBytes)));
    ids.push((await uploader.upload(file, { kind, onProgress }).finished).upload_id);
  }
  return { media_upload_ids: ids };
}
