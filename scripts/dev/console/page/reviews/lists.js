/** Reviews of several products: one's own, those of one's products, those that an admin has to look at. */
import { useEffect, useState } from 'preact/hooks';
import { classes, html } from '../dom.js';
import { useList } from '../paging.js';
import { call, withQuery } from '../public-api.js';
import { REVIEWS } from '../strings/reviews.js';
import { List } from './products.js';
import { Review } from './review.js';

const R = '/api/product-reviews';
const PAGE_SIZE = 20;
const QUEUES = ['pending', 'held', 'hidden', 'reported'];

const useReviews = (user, path, query = {}) =>
  useList(
    (cursor) => call(user.token, 'GET', withQuery(`${R}/${path}`, { limit: PAGE_SIZE, cursor, ...query })),
    JSON.stringify(query),
  );

const reviewIn = (list, user, say) => (one) =>
  html`<${Review} key=${one.id} review=${one} user=${user} say=${say} onChange=${list.refresh} />`;

export function Mine({ user, say }) {
  const list = useReviews(user, 'mine');
  const awaiting = useReviews(user, 'awaiting');
  const [exported, setExported] = useState(null);
  const [isSure, setSure] = useState(false);
  const tell = ({ message }) => say(message);
  const fetchExport = () => call(user.token, 'GET', `${R}/mine/export`).then(setExported, tell);
  const erase = () =>
    call(user.token, 'DELETE', `${R}/mine`).then(({ deleted }) => {
      setSure(false);
      say(REVIEWS.erased(deleted));
      list.refresh();
      awaiting.refresh();
    }, tell);
  return html`<section aria-label=${REVIEWS.awaiting}><h3>${REVIEWS.awaiting}</h3>
      <${List} list=${awaiting} draw=${({ product_id: id, product_name: name }) => html`<li key=${id} class="card"><a href=${`#/reviews/product/${id}`}>${name ?? id}</a></li>`} /></section>
    <section aria-label=${REVIEWS.viewNames.mine}><h3>${REVIEWS.viewNames.mine}</h3>
      <div class="line filters"><button type="button" onClick=${fetchExport}>${REVIEWS.export}</button>
        ${isSure ? html`<button type="button" class="bad" onClick=${erase}>${REVIEWS.eraseSure}</button>` : html`<button type="button" onClick=${() => setSure(true)}>${REVIEWS.erase}</button>`}</div>
      ${exported && html`<pre tabindex="0">${JSON.stringify(exported, null, 2)}</pre>`}
      <${List} list=${list} draw=${reviewIn(list, user, say)} /></section>`;
}

export function OfMyProducts({ user, say }) {
  const [isUnreplied, setUnreplied] = useState(false);
  const list = useReviews(user, 'seller', { unreplied: isUnreplied ? '1' : '' });
  return html`<div class="line filters"><button type="button" class=${classes(isUnreplied && 'on')} aria-pressed=${isUnreplied}
      onClick=${() => setUnreplied(!isUnreplied)}>${REVIEWS.unreplied}</button></div>
    <${List} list=${list} draw=${reviewIn(list, user, say)} />`;
}

export function Moderation({ user, say }) {
  const isAdmin = user.role === 'admin' || user.role === null;
  return isAdmin
    ? html`<${Queue} user=${user} say=${say} />`
    : html`<p class="quiet">${REVIEWS.adminsOnly}</p>`;
}

function Queue({ user, say }) {
  const [status, setStatus] = useState(QUEUES[0]);
  const [stats, setStats] = useState(null);
  const list = useReviews(user, 'moderation', { status });
  useEffect(() => {
    call(user.token, 'GET', `${R}/moderation/stats`).then(setStats, ({ message }) => say(message));
  }, [list.items]);
  return html`<div class="line filters"><div class="chips" role="group" aria-label=${REVIEWS.queue}>${QUEUES.map(
    (
      name,
    ) => html`<button type="button" key=${name} class=${classes('chip', name === status && 'on')} aria-pressed=${name === status}
        onClick=${() => setStatus(name)}>${REVIEWS.queues[name]}</button>`,
  )}</div></div>
    <${List} list=${list} draw=${reviewIn(list, user, say)} />
    ${stats && html`<details><summary>${REVIEWS.stats}</summary><pre tabindex="0">${JSON.stringify(stats, null, 2)}</pre></details>`}`;
}
