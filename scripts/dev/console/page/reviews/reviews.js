/** The page of the reviews: the product as a buyer, a seller and an admin use it. */
import { useState } from 'preact/hooks';
import { classes, html } from '../dom.js';
import { REVIEWS } from '../strings/reviews.js';
import { Users, useUser } from '../users.js';
import { Mine, Moderation, OfMyProducts } from './lists.js';
import { EVERYTHING, Products } from './products.js';

const VIEWS = { product: Products, mine: Mine, seller: OfMyProducts, moderation: Moderation };

/** @param rest of the address: which view, and of which product */
export function Page({ rest: [view = 'product', ...rest], say }) {
  const chosen = useUser();
  const { user } = chosen;
  // Another user looks at the same list.
  const [filter, setFilter] = useState(EVERYTHING);
  const shown = Object.hasOwn(VIEWS, view) ? view : 'product';
  return html`<main class="sheet">
    <h2>${REVIEWS.title}</h2>
    <${Users} chosen=${chosen} />
    <nav class="sub" aria-label=${REVIEWS.views}>${Object.keys(VIEWS).map(
      (
        name,
      ) => html`<a key=${name} class=${classes('tab', name === shown && 'on')} href=${`#/reviews/${name}`}
        aria-current=${name === shown ? 'page' : undefined}>${REVIEWS.viewNames[name]}</a>`,
    )}</nav>
    ${user && html`<${VIEWS[shown]} key=${`${shown} ${user.account}`} ...${{ user, rest, filter, setFilter }} say=${say} />`}
  </main>`;
}
