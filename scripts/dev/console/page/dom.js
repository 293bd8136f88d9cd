/** Preact with htm: elements as template strings, no build. */
import htm from 'htm';
import { h } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

export const html = htm.bind(h);

/** Class names of those that hold: `classes('row', isNew && 'new')`. */
export const classes = (...names) => names.filter(Boolean).join(' ');

/** Of several to choose one of, the chosen one. */
const FIELD = 'input:not([type=radio]:not(:checked)), select, textarea';

/** For what appears because of a key or a click: its first field gets the focus, so that whoever types goes on there. */
export function useFirstField() {
  const form = useRef(null);
  useEffect(() => form.current.querySelector(FIELD).focus(), []);
  return form;
}
