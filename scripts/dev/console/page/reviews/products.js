/** One product and its reviews. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { classes, html } from '../dom.js';
import { go } from '../navigation.js';
import { useList } from '../paging.js';
import { call, withQuery } from '../public-api.js';
import { REVIEWS } from '../strings/reviews.js';
import { ReviewForm } from './form.js';
import { Review } from './review.js';
import { Policy, Stars, Summary } from './summary.js';

const PAGE_SIZE = 20;
const SORTS = ['newest', 'oldest', 'highest', 'lowest', 'helpful'];

/** As many as the API sums up in one call. */
const MAX_SUMMED = 200;

/** The backend's, with how each is rated; another backend than the demo may answer differently, and then a number has to do. */
async function fetchProducts() {
  const found = await call(null, 'GET', '/api/products').catch(() => []);
  const products = (Array.isArray(found) ? found : (found?.items ?? [])).slice(0, MAX_SUMMED);
  if (products.length === 0) return [];
  const query = { product_ids: products.map(({ id }) => id).join(',') };
  const { summaries } = await call(null, 'GET', withQuery('/api/product-reviews/summary', query));
  return products.map(({ id, name, title }) => ({
    ...{ id: String(id), name: name ?? title ?? String(id) },
    ...summaries[id],
  }));
}

function useProducts() {
  const [products, setProducts] = useState([]);
  useEffect(() => {
    fetchProducts().then(setProducts, () => setProducts([]));
  }, []);
  return products;
}

export const EVERYTHING = { sort: 'newest', rating: [], verified: false, has_media: false };

export function Products({ user, rest: [given], filter, setFilter, say }) {
  const products = useProducts();
  const [most] = products.toSorted((a, b) => b.count - a.count);
  const id = given ?? most?.id ?? null;
  const [typed, setTyped] = useState('');
  const open = (event) => {
    event.preventDefault();
    if (typed.trim() !== '') go('reviews', 'product', encodeURIComponent(typed.trim()));
  };
  return html`<div class="line filters">
      ${
        products.length > 0 &&
        html`<label>${REVIEWS.product} <select name="product" value=${id} onChange=${({ target }) => go('reviews', 'product', target.value)}>
        ${products.map((one) => html`<option key=${one.id} value=${one.id}>${REVIEWS.rated(one)}</option>`)}</select></label>`
      }
      <form class="line" onSubmit=${open}><label>${REVIEWS.number} <input name="product-id" size="6" value=${typed} onInput=${({ target }) => setTyped(target.value)} /></label>
        <button type="submit">${REVIEWS.open}</button></form>
    </div>
    ${id !== null && html`<${Product} key=${id} ...${{ id, user, filter, setFilter, say }} />`}`;
}

/** What the user may do here, and has done. Asked again with every `version`. */
function useMe(path, user, version) {
  const [me, setMe] = useState({});
  useEffect(() => {
    let isOld = false;
    call(user.token, 'GET', `${path}/me`).then(
      (found) => !isOld && setMe(found),
      ({ message }) => !isOld && setMe({ error: message }),
    );
    return () => {
      isOld = true;
    };
  }, [version]);
  return me;
}

function Product({ id, user, filter, setFilter, say }) {
  const path = `/api/products/${id}/reviews`;
  const [isWriting, setWriting] = useState(false);
  const [version, setVersion] = useState(0);
  const me = useMe(path, user, version);
  const { sort, rating, verified, has_media: hasMedia } = filter;
  const query = {
    limit: PAGE_SIZE,
    sort,
    rating: rating.join(','),
    ...flags({ verified, has_media: hasMedia }),
  };
  const list = useList(
    (cursor) => call(null, 'GET', withQuery(path, { ...query, cursor })),
    JSON.stringify([filter, version]),
  );
  const own = useRef(null);
  const close = () => {
    setWriting(false);
    own.current.focus();
  };
  const refresh = () => setVersion(version + 1);
  const changed = () => {
    close();
    refresh();
  };
  const remove = () => call(user.token, 'DELETE', `${path}/me`).then(changed, ({ message }) => say(message));
  const { review } = me;
  return html`
    ${list.last && html`<${Summary} summary=${list.last.summary} chosen=${rating} onChoose=${(next) => setFilter({ ...filter, rating: next })} />`}
    <${Policy} />
    <section ref=${own} class="card" tabindex="-1" aria-label=${REVIEWS.own}>
      <h3>${REVIEWS.own}</h3>
      ${me.error && html`<p class="note" role="alert">${me.error}</p>`}
      ${me.can_review === false && html`<p class="quiet">${REVIEWS.mayNot[me.reason] ?? me.reason}</p>`}
      ${
        review &&
        html`<p><${Stars} rating=${review.rating} /> <span class=${`state ${review.status}`}>${review.status}</span>
        ${review.pending_edit && html` <span class="note">${REVIEWS.editWaits}</span>`} ${review.title ?? review.text}</p>`
      }
      <div class="line">
        ${me.can_review && !isWriting && html`<button type="button" class="primary" onClick=${() => setWriting(true)}>${review ? REVIEWS.edit : REVIEWS.write}</button>`}
        ${review && html`<button type="button" onClick=${remove}>${REVIEWS.remove}</button>`}
        ${me.can_review && html`<span class="facts">${me.verified_purchase ? REVIEWS.bought : REVIEWS.notBought}</span>`}
      </div>
      ${isWriting && html`<${ReviewForm} path=${path} user=${user} review=${review} onDone=${changed} onCancel=${close} say=${say} />`}
    </section>
    <section aria-label=${REVIEWS.list}>
      <div class="line filters">
        <label>${REVIEWS.sort} <select name="sort" value=${sort} onChange=${({ target }) => setFilter({ ...filter, sort: target.value })}>
          ${SORTS.map((name) => html`<option key=${name} value=${name}>${REVIEWS.sorts[name]}</option>`)}</select></label>
        ${['verified', 'has_media'].map(
          (
            name,
          ) => html`<button type="button" key=${name} class=${classes(filter[name] && 'on')} aria-pressed=${filter[name]}
            onClick=${() => setFilter({ ...filter, [name]: !filter[name] })}>${REVIEWS.only[name]}</button>`,
        )}
      </div>
      <${List} list=${list} draw=${(
        one,
      ) => html`<${Review} key=${one.id} review=${one} user=${user} me=${me} say=${say} onChange=${refresh}
        onVote=${(count) => list.replace((other) => other.id === one.id, { ...one, helpful_count: count })} />`} />
    </section>`;
}

const flags = (given) => Object.fromEntries(Object.entries(given).map(([name, is]) => [name, is ? '1' : '']));

/** @param draw one of its items */
export function List({ list: { items, error, more }, draw }) {
  return html`${error && html`<p class="bad" role="alert">${error}</p>`}
    ${!error && items?.length === 0 && html`<p class="quiet">${REVIEWS.nothing}</p>`}
    <ul class="cards">${items?.map(draw)}</ul>
    ${more && html`<button type="button" onClick=${more}>${REVIEWS.more}</button>`}`;
}
