/**
 * What clients may send to the reviews routes.
 */
import { z } from 'zod';
import { isError } from '../../words/messages.ts';

/** Code points, after trimming: what a person would count as characters. */
export const MAX_TEXT_LENGTH = 1000;
const MAX_PRODUCT_ID_LENGTH = 64;

const CONTROL_CHARACTER = /\p{Cc}/u;
const productIdMessage = isError('product_id_invalid');

/** Path parameter, already percent-decoded. Any text is an id; whether there is such a product is another question. */
export const productIdSchema = z
  .string({ error: productIdMessage })
  .refine((id) => id.trim() !== '' && id.length <= MAX_PRODUCT_ID_LENGTH, productIdMessage)
  .refine((id) => id.isWellFormed() && !CONTROL_CHARACTER.test(id), productIdMessage);
