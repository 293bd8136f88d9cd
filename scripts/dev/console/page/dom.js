/** Preact with htm: elements as template strings, no build. */
import htm from 'htm';
import { h } from 'preact';

export const html = htm.bind(h);

/** Class names of those that hold: `classes('row', isNew && 'new')`. */
export const classes = (...names) => names.filter(Boolean).join(' ');
