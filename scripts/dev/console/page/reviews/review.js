/** One review, and what each role does with it. */
import { useRef, useState } from 'preact/hooks';
import { classes, html } from '../dom.js';
import { call } from '../public-api.js';
import { REVIEWS } from '../strings/reviews.js';
import { Asked } from './asked.js';
import { Stars } from './summary.js';

const REPORTS = ['spam', 'offensive', 'off_topic', 'fake', 'privacy', 'other'];
const REASONS = ['spam', 'offensive', 'off_topic', 'fake', 'privacy', 'legal', 'other'];
/** Those of which the API wants a reason. */
const WITH_REASON = ['hide', 'hold'];

/**
 * @param me what the product's page knows of the user's votes; undefined elsewhere: nobody votes there
 * @param onVote told the new count @param onChange told of everything else
 */
export function Review({ review, user, me, say, onVote, onChange }) {
  /** What is being asked: `report`, `reply`, `appeal`, or an action of an admin. */
  const [asking, setAsking] = useState(null);
  const card = useRef(null);
  /** The focus stays with the review when what had it goes away. */
  const close = () => {
    setAsking(null);
    card.current.focus();
  };
  const done = () => {
    close();
    onChange();
  };
  return html`<li ref=${card} class="card review" tabindex="-1">
    <div class="line"><${Stars} rating=${review.rating} /><b>${review.author_name}</b>
      <span class="facts">${factsOf(review).join(' · ')}</span>
      ${review.status && html`<span class=${`state ${review.status}`}>${[review.status, review.reason].filter(Boolean).join(': ')}</span>`}</div>
    ${review.title && html`<p><b>${review.title}</b></p>`}
    ${review.text && html`<p class="prose">${review.text}</p>`}
    <${Media} media=${review.media} />
    ${review.pending_edit && html`<p class="note">${REVIEWS.waiting(review.pending_edit)}</p>`}
    ${review.reply && html`<blockquote><b>${REVIEWS.sellerSays}</b> ${review.reply.text}</blockquote>`}
    <${Actions} review=${review} user=${user} me=${me} say=${say} asking=${asking} ask=${setAsking} onVote=${onVote} onDone=${done} />
    ${asking && html`<${Question} key=${asking} review=${review} user=${user} asking=${asking} onDone=${done} onCancel=${close} />`}
    <${Behind} review=${review} />
  </li>`;
}

const factsOf = ({ created_at: at, edited_at: editedAt, verified_purchase: isVerified, incentivized }) =>
  [
    new Date(at).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' }),
    editedAt && REVIEWS.edited,
    isVerified && REVIEWS.verified,
    incentivized && REVIEWS.incentivized,
  ].filter(Boolean);

function Media({ media }) {
  if (media.length === 0) return null;
  return html`<div class="media">${media.map(({ type, url }) =>
    type === 'image'
      ? html`<a key=${url} href=${url} target="_blank" rel="noreferrer"><img src=${url} alt=${REVIEWS.picture} loading="lazy" /></a>`
      : html`<video key=${url} src=${url} controls preload="metadata" aria-label=${REVIEWS.video}></video>`,
  )}</div>`;
}

/** What only admins are told: reports, history, the author's appeal. */
function Behind({ review: { reports, history, appeal } }) {
  if (reports === undefined) return null;
  return html`${appeal && html`<blockquote><b>${REVIEWS.appeals}</b> ${appeal.text}</blockquote>`}
    <details><summary>${REVIEWS.behind(reports.length, history.length)}</summary>
      <pre tabindex="0">${JSON.stringify({ reports, history }, null, 2)}</pre></details>`;
}

function Actions({ review, user, me, say, asking, ask, onVote, onDone }) {
  const { id, product_id: product, author_id: author, helpful_count: helpful, reply } = review;
  const path = `/api/products/${product}/reviews/${id}`;
  const isOwn = author === String(user.id);
  const is = (role) => user.role === role || user.role === null;
  const [isVoted, setVoted] = useState(null);
  const voted = isVoted ?? me?.helpful_ids?.includes(id) ?? false;
  const tell = ({ message }) => say(message);
  const vote = () =>
    call(user.token, voted ? 'DELETE' : 'PUT', `${path}/helpful`).then(({ helpful_count: count }) => {
      setVoted(!voted);
      onVote(count);
    }, tell);
  const unreply = () => call(user.token, 'DELETE', `${path}/reply`).then(onDone, tell);
  const question = (name) =>
    html`<button type="button" key=${name} aria-expanded=${asking === name} onClick=${() => ask(asking === name ? null : name)}>${REVIEWS.acts[name]}</button>`;
  const decide = (action) => {
    const post = () =>
      call(user.token, 'POST', `/api/product-reviews/${id}/moderation`, { action }).then(onDone, tell);
    return WITH_REASON.includes(action)
      ? question(action)
      : html`<button type="button" key=${action} onClick=${post}>${REVIEWS.acts[action]}</button>`;
  };
  return html`<div class="line">
    ${
      me !== undefined && !isOwn
        ? html`<button type="button" class=${classes(voted && 'on')} aria-pressed=${voted} onClick=${vote}>${REVIEWS.helpful(helpful)}</button>`
        : html`<span class="facts">${REVIEWS.helpful(helpful)}</span>`
    }
    ${!isOwn && question('report')}
    ${is('seller') && question('reply')}
    ${is('seller') && reply && html`<button type="button" onClick=${unreply}>${REVIEWS.acts.unreply}</button>`}
    ${isOwn && review.status === 'hidden' && question('appeal')}
    ${is('admin') && actionsFor(review).map(decide)}
  </div>`;
}

const actionsFor = ({
  status = 'published',
  pending_edit: waits,
  incentivized,
  report_count: reports = 0,
}) => [
  ...(status !== 'published' || waits || reports > 0 ? ['publish'] : []),
  ...(waits ? ['discard_edit'] : []),
  ...(status === 'hidden' ? [] : ['hide']),
  ...(status === 'held' ? [] : ['hold']),
  incentivized ? 'unmark_incentivized' : 'mark_incentivized',
];

function Question({ review, user, asking, onDone, onCancel }) {
  const { id, product_id: product, reply } = review;
  const one = `/api/products/${product}/reviews/${id}`;
  const any = `/api/product-reviews/${id}`;
  const note = { name: 'note', label: REVIEWS.note };
  const text = (value = '') => ({ name: 'text', label: REVIEWS.acts[asking], isLong: true, value });
  const reason = (options) => ({ name: 'reason', label: REVIEWS.reason, options });
  const withNote = ({ note: said, ...rest }) => (said === '' ? rest : { ...rest, note: said });
  const [fields, method, path, bodyOf = (given) => given] = {
    report: [[reason(REPORTS), note], 'POST', `${one}/report`, withNote],
    reply: [[text(reply?.text)], 'PUT', `${one}/reply`],
    appeal: [[text()], 'POST', `${any}/appeal`],
    hide: [
      [reason(REASONS), note],
      'POST',
      `${any}/moderation`,
      (given) => ({ action: 'hide', ...withNote(given) }),
    ],
    hold: [
      [reason(REASONS), note],
      'POST',
      `${any}/moderation`,
      (given) => ({ action: 'hold', ...withNote(given) }),
    ],
  }[asking];
  const send = async (given) => {
    await call(user.token, method, path, bodyOf(given));
    onDone();
  };
  return html`<${Asked} title=${REVIEWS.acts[asking]} fields=${fields} onSend=${send} onCancel=${onCancel} />`;
}
