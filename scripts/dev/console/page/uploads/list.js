/** What the API lists: rows, and the bucket's contents with previews. */
import { useState } from 'preact/hooks';
import { classes, html } from '../dom.js';
import { useList } from '../paging.js';
import { call, withQuery } from '../public-api.js';
import { UPLOADS } from '../strings/uploads.js';
import { logIn } from '../users.js';
import { UploadRow } from './row.js';

const PAGE_SIZE = 24;
const STATUSES = ['issued', 'ready', 'rejected', 'expired', 'deleted'];

/** @param user whose uploads; at everybody's an admin looks @param over changes when one is over, and the list with it */
export function UploadList({ user, kinds, over, say }) {
  const [filter, setFilter] = useState({ status: '', kind: '', isOfAll: false });
  const { status, kind, isOfAll } = filter;
  // Only an admin may see everybody's.
  const asker = () => (isOfAll && user.role !== 'admin' ? logIn('admin') : user);
  const askAs = async (...request) => call((await asker()).token, ...request);
  const { items, error, refresh, more, replace } = useList(
    (cursor) =>
      askAs(
        'GET',
        withQuery('/api/uploads', { limit: PAGE_SIZE, status, kind, cursor, user_id: isOfAll ? 'any' : '' }),
      ),
    JSON.stringify([filter, over]),
  );

  const set = (name) => (event) => setFilter({ ...filter, [name]: event.target.value });
  const change = (changed) => replace(({ upload_id: id }) => id === changed.upload_id, changed);
  return html`<section aria-label=${UPLOADS.list}>
    <h3>${UPLOADS.list}</h3>
    <div class="line filters">
      <div class="chips" role="group" aria-label=${UPLOADS.whose}>${[false, true].map(
        (
          all,
        ) => html`<button type="button" key=${all} class=${classes('chip', all === isOfAll && 'on')} aria-pressed=${all === isOfAll}
          onClick=${() => setFilter({ ...filter, isOfAll: all })}>${all ? UPLOADS.everybodys : UPLOADS.mine}</button>`,
      )}</div>
      <label>${UPLOADS.status} <select name="status" value=${status} onChange=${set('status')}>
        ${['', ...STATUSES].map((name) => html`<option key=${name} value=${name}>${name || UPLOADS.any}</option>`)}</select></label>
      <label>${UPLOADS.kind} <select name="list-kind" value=${kind} onChange=${set('kind')}>
        ${['', ...kinds].map((name) => html`<option key=${name} value=${name}>${UPLOADS.kinds[name] ?? UPLOADS.any}</option>`)}</select></label>
      <button type="button" onClick=${refresh}>${UPLOADS.refresh}</button>
    </div>
    ${error && html`<p class="bad" role="alert">${error}</p>`}
    ${items?.length === 0 && html`<p class="quiet">${UPLOADS.nothing}</p>`}
    <ul class="gallery">${items?.map(
      (item) =>
        html`<${UploadRow} key=${item.upload_id} item=${item} ask=${askAs} onChange=${change} say=${say} />`,
    )}</ul>
    ${more && html`<button type="button" onClick=${more}>${UPLOADS.more}</button>`}
  </section>`;
}
