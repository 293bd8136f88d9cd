import type { PolicyWords } from './words.ts';

export const en: PolicyWords = {
  buyersOnly: 'Only customers who have bought a product here, and whose order was delivered, can review it.',
  everybody: 'Every registered customer can review a product, whether or not it was bought here.',
  verifiedMark:
    'A review is marked as a verified purchase when, at the time it was written or last edited, our own records showed a delivered order of this product by its author; nobody can set the mark.',
  notChecked:
    'Of a review without this mark we have not checked that its author has used or bought the product.',
  whoElse: 'Sellers cannot review their own products, and each customer has one review per product.',
  readBefore: 'Every review, and every edit of one, is read by a moderator before it is shown.',
  shownAtOnce:
    'Reviews are shown at once, without being read beforehand; moderators look at them afterwards, when they are reported or otherwise noticed.',
  blockedWords:
    'A review that contains a word on our list of blocked words is held back until a moderator has read it.',
  reported: (buyers) =>
    `A review that ${buyers === 1 ? '1 buyer of the product has' : `${buyers} buyers of the product have`} reported is held back until a moderator has read it; reports by its seller do not count.`,
  reasons:
    'A review is kept back only as spam, offensive, off topic, fake, a breach of privacy, for a legal reason, or for another reason that is not its rating: positive and negative reviews are treated alike, and all that are published are shown.',
  appeal: 'The author of a hidden review can appeal once.',
  order:
    'The newest reviews come first. Readers can choose the oldest, the highest or lowest rating, or those that most readers found helpful, and can filter by rating, verified purchase, and pictures or videos. Nobody pays for a place.',
  scoring:
    'The average is the mean of all published ratings of a product, 1 to 5 stars, each review counting the same, rounded to two decimals. The score by which products can be compared is (10 × m + the sum of the ratings) ÷ (10 + their number), m being the mean of all published ratings of all products: a few ratings move it less than many.',
  incentives:
    'A review is marked as incentivized when its author is known to have got something in return for it. Nothing may be given on the condition that a review is positive or negative.',
};
