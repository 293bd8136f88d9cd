/** What may be wrong with a field of a body or a query: rules, each with its parameters; and the fields there are. */

/** An example of each parameter, whose type is the parameter's. */
export const RULES = {
  invalid: {},
  text: {},
  no_nul: {},
  valid_unicode: {},
  no_control_characters: {},
  not_empty: {},
  not_so_long: {},
  max_length: { max: 1000 },
  length: { min: 1, max: 255 },
  object: {},
  true_or_false: {},
  whole_number: { min: 1, max: 5 },
  one_of: { allowed: ['full', 'short'] as readonly string[] },
  given_once: {},
  only_1: {},
  cursor: {},
  cursor_of_same_query: {},
  ratings: {},
  product_ids: { max: 200 },
  user_id: {},
  file_size: {},
  sha256: {},
  videos_only: {},
  not_in_parts: {},
  single_file_only: {},
  files: { max: 10 },
  part_numbers: { max: 100 },
  part_number: {},
  part_number_once: {},
  part_number_range: { max: 20 },
  media: { max: 6 },
  own_ready_uploads: {},
  reason_needed: { allowed: ['spam', 'other'] as readonly string[] },
  reason_not_wanted: {},
} satisfies Readonly<Record<string, object>>;

export type Rule = keyof typeof RULES;
export type RuleParams<R extends Rule> = (typeof RULES)[R];

/** A rule that is broken, and its parameters. */
export type Problem = { [R in Rule]: { readonly rule: R } & RuleParams<R> }[Rule];

/** Fields that people may read about, by their names in bodies and queries. */
export type Field =
  | 'action'
  | 'content_type'
  | 'cursor'
  | 'display_name'
  | 'filename'
  | 'files'
  | 'has_media'
  | 'kind'
  | 'limit'
  | 'media_upload_ids'
  | 'multipart'
  | 'note'
  | 'part_numbers'
  | 'product_ids'
  | 'rating'
  | 'reason'
  | 'sha256'
  | 'size_bytes'
  | 'sort'
  | 'status'
  | 'text'
  | 'title'
  | 'unreplied'
  | 'user_id'
  | 'verified';
