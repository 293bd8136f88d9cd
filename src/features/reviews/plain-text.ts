/** What people write about products: plain text, one form for what looks the same, counted as people count. */
import { storableText } from '../../edge/validate.ts';
import { breaks } from '../../words/messages.ts';

const CONTROL_CHARACTER = /[^\P{Cc}\n\t]/u;

/**
 * In NFC, with LF at the ends of its lines, without white space around it; '' when there is nothing else.
 * @param maxLength code points
 */
export const plainText = (maxLength: number) =>
  storableText
    .transform((text) => text.replace(/\r\n?/g, '\n').normalize('NFC'))
    // Before the ends are trimmed: for trim() vertical tabs and form feeds are white space.
    .refine((text) => !CONTROL_CHARACTER.test(text), breaks('no_control_characters'))
    .transform((text) => text.trim())
    .refine((text) => isAtMost(text, maxLength), breaks('max_length', { max: maxLength }));

/** The same, where nothing may stand: null, and blank, are none. */
export const optionalText = (maxLength: number) =>
  plainText(maxLength)
    .nullable()
    .transform((text) => text || null);

/** The same, where something has to be. */
export const requiredText = (maxLength: number) =>
  plainText(maxLength).refine((text) => text !== '', breaks('not_empty'));

/** @param maxLength in code points; a string has at least as many units */
const isAtMost = (text: string, maxLength: number) =>
  text.length <= maxLength || (text.length <= 2 * maxLength && [...text].length <= maxLength);
