/** Which page is shown: the address says it (`#/requests`), so that a reload and the browser's own keys keep their meaning. */
import { useEffect, useState } from 'preact/hooks';
import { classes, html } from './dom.js';
import { useKeys } from './keys.js';
import { STRINGS } from './strings/console.js';

const FIRST = 'requests';

/** `#/page/and/more` in parts. */
const partsOf = (hash) => hash.replace(/^#\/?/, '').split('/');

export const go = (...parts) => {
  location.hash = `/${parts.join('/')}`;
};

/** @param names of the pages there are @returns the one that is shown, and what the address says beyond it */
export function useRoute(names) {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const onChange = () => setHash(location.hash);
    addEventListener('hashchange', onChange);
    return () => removeEventListener('hashchange', onChange);
  }, []);
  const [name, ...rest] = partsOf(hash);
  return names.includes(name) ? { name, rest } : { name: FIRST, rest: [] };
}

/** A link to each page; the digits lead there as well. */
export function Navigation({ names, shown }) {
  useKeys(Object.fromEntries(names.map((name, index) => [index + 1, () => go(name)])));
  return html`<nav aria-label=${STRINGS.pagesLabel}>${names.map(
    (name) => html`<a key=${name} class=${classes('tab', name === shown && 'on')} href=${`#/${name}`}
      aria-current=${name === shown ? 'page' : undefined}>${STRINGS.pages[name]}</a>`,
  )}</nav>`;
}

/** A page whose module, which exports it as `Page`, is fetched when it is opened for the first time. */
export function lazy(load) {
  return function Lazy(props) {
    const [state, setState] = useState({});
    useEffect(() => {
      load().then(
        ({ Page }) => setState({ Page }),
        () => setState({ hasFailed: true }),
      );
    }, []);
    if (state.Page) return html`<${state.Page} ...${props} />`;
    return html`<main class="pad quiet" role="status">${state.hasFailed ? STRINGS.notLoaded : STRINGS.pending}</main>`;
  };
}
