/** How a product is rated. */
import { useState } from 'preact/hooks';
import { classes, html } from '../dom.js';
import { call } from '../public-api.js';
import { REVIEWS } from '../strings/reviews.js';

export const Stars = ({ rating }) =>
  html`<span class="stars" role="img" aria-label=${REVIEWS.stars(rating)}>${'★'.repeat(rating)}${'☆'.repeat(5 - rating)}</span>`;

/** Its bars choose which ratings are listed. */
export function Summary({ summary, chosen, onChoose }) {
  const {
    avg_rating: average,
    count,
    histogram,
    verified_count: verified,
    media_count: media,
    score,
  } = summary;
  const toggle = (rating) =>
    onChoose(chosen.includes(rating) ? chosen.filter((other) => other !== rating) : [...chosen, rating]);
  return html`<section class="card summary" aria-label=${REVIEWS.summary}>
    <p><b class="average">${average.toFixed(2)}</b> <span class="facts">${REVIEWS.figures(count, verified, media, score)}</span></p>
    <ol class="histogram">${[5, 4, 3, 2, 1].map(
      (
        rating,
      ) => html`<li key=${rating}><button type="button" class=${classes('hist', chosen.includes(rating) && 'on')} aria-pressed=${chosen.includes(rating)}
          title=${REVIEWS.onlyRating(rating)} onClick=${() => toggle(rating)}>
        <span>${rating} ★</span><meter aria-hidden="true" min="0" max=${Math.max(1, count)} value=${histogram[rating]}></meter><span>${histogram[rating]}</span></button></li>`,
    )}</ol>
  </section>`;
}

/** What the shop has to tell of its reviews; asked for when it is opened. */
export function Policy() {
  const [policy, setPolicy] = useState({});
  const open = ({ target }) => {
    if (target.open)
      call(null, 'GET', '/api/product-reviews/policy').then(setPolicy, ({ message }) =>
        setPolicy({ message }),
      );
  };
  return html`<details onToggle=${open}><summary>${REVIEWS.policy}</summary>
    ${Object.entries(policy).map(([name, sentence]) => html`<p key=${name} class="prose">${sentence}</p>`)}</details>`;
}
