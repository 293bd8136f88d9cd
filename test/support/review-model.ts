/**
 * What reviews are, told plainly and in memory, for a test to compare with: no SQL, no concurrency, nothing shared with the product.
 */

export type Status = 'published' | 'pending' | 'held' | 'hidden';

export interface Content {
  rating: number;
  text: string | null;
  title: string | null;
}

export interface ModelReview extends Content {
  readonly id: number;
  readonly product: string;
  readonly author: number;
  status: Status;
  reason: string | null;
  verified: boolean;
  incentivized: boolean;
  pendingEdit: Content | null;
  reply: string | null;
  readonly votes: Set<number>;
  /** By user: is it open? */
  readonly reports: Map<number, boolean>;
}

export interface ModelRules {
  readonly moderation: 'post' | 'pre';
  readonly holdAfterReports: number;
  readonly blockedWord: string;
  readonly seller: number;
  readonly hasBought: (user: number, product: string) => boolean;
}

const same = (a: Content, b: Content) => a.rating === b.rating && a.text === b.text && a.title === b.title;

/** Every method is one action that has succeeded; what may not be done is the caller's to know (`mayVote` …). */
export class ReviewModel {
  readonly rows = new Map<number, ModelReview>();
  /** By product and author: what becomes of their next review. */
  readonly #imported = new Set<number>();
  readonly #keptBack = new Map<string, Status>();
  readonly #rules: ModelRules;

  constructor(rules: ModelRules) {
    this.#rules = rules;
  }

  /** Of a pair, newest first. */
  ofPair(product: string, author: number): ModelReview[] {
    const rows = [...this.rows.values()].filter((row) => row.product === product && row.author === author);
    return rows.toSorted((a, b) => b.id - a.id);
  }

  isShown(row: ModelReview): boolean {
    return (
      row.status === 'published' &&
      this.ofPair(row.product, row.author).find(({ status }) => status !== 'pending') === row
    );
  }

  /** POST, PATCH: the newest one is edited, or the one with this id is new. */
  write(id: number, product: string, author: number, change: Partial<Content>): void {
    const { moderation, blockedWord, hasBought } = this.#rules;
    const [former] = this.ofPair(product, author);
    // The whole of it, as it will be.
    const { text, title } = { ...(former?.pendingEdit ?? former), ...change };
    const isBlocked = [text, title].some((one) => one?.includes(blockedWord));
    if (former === undefined) {
      const content = { rating: change.rating ?? 0, text: change.text ?? null, title: change.title ?? null };
      const isKeptBack = this.#keptBack.has(`${product} ${author}`);
      const usual = isKeptBack ? 'held' : moderation === 'pre' ? 'pending' : 'published';
      this.#add(id, product, author, content, isBlocked ? 'held' : usual);
      const row = this.#row(id);
      row.reason = isBlocked ? 'blocked_words' : null;
      row.verified = hasBought(author, product);
      return;
    }
    const stored = { rating: former.rating, text: former.text, title: former.title };
    const content = { ...(former.pendingEdit ?? stored), ...change };
    former.verified = hasBought(author, product);
    if (former.status === 'published' && moderation === 'pre' && !isBlocked) {
      former.pendingEdit = same(content, former) ? null : content;
      return;
    }
    Object.assign(former, content, { pendingEdit: null });
    if (isBlocked && (former.status === 'published' || former.status === 'pending'))
      this.#become(former, 'held', 'blocked_words');
  }

  /** The old module's INSERT. */
  insert(id: number, product: string, author: number, rating: number): void {
    const usual = this.#rules.moderation === 'pre' ? 'pending' : 'published';
    const status = this.#keptBack.get(`${product} ${author}`) ?? usual;
    this.#add(id, product, author, { rating, text: null, title: null }, status);
  }

  /** Has the author written about the product here, and not only in a file? That is newer than any line of a file. */
  isReviewedHere(product: string, author: number): boolean {
    return this.ofPair(product, author).some(
      ({ id, status }) => status !== 'pending' && !this.#imported.has(id),
    );
  }

  /** A published line of a file, which has no id of its own, where the author has not reviewed the product here. */
  importLine(id: number, product: string, author: number, rating: number): void {
    const pair = `${product} ${author}`;
    this.#imported.add(id);
    this.#add(
      id,
      product,
      author,
      { rating, text: null, title: null },
      this.#keptBack.get(pair) ?? 'published',
    );
    if (this.ofPair(product, author).some((row) => this.isShown(row))) this.#keptBack.delete(pair);
  }

  remove(rows: readonly ModelReview[]): void {
    for (const { id, product, author, status } of rows) {
      this.rows.delete(id);
      const pair = `${product} ${author}`;
      // Not when another one has been published since.
      if ((status === 'held' || status === 'hidden') && this.#keptBack.has(pair))
        this.#keptBack.set(pair, 'held');
    }
  }

  report(row: ModelReview, user: number): void {
    if (row.reports.has(user)) return;
    row.reports.set(user, true);
    const { holdAfterReports: enough, seller, hasBought } = this.#rules;
    const counted = [...row.reports].filter(
      ([reporter, isOpen]) => isOpen && reporter !== seller && hasBought(reporter, row.product),
    );
    if (enough > 0 && counted.length >= enough) this.#become(row, 'held', 'reports');
  }

  moderate(row: ModelReview, action: string, reason: string | null): void {
    if (action === 'hide' || action === 'hold') {
      const shown = this.ofPair(row.product, row.author).filter(
        (one) => one.id > row.id && this.isShown(one),
      );
      for (const one of [row, ...shown]) this.#become(one, action === 'hide' ? 'hidden' : 'held', reason);
    } else if (action === 'discard_edit') row.pendingEdit = null;
    else if (action === 'publish') {
      Object.assign(row, row.pendingEdit, { pendingEdit: null });
      for (const user of row.reports.keys()) row.reports.set(user, false);
      this.#become(row, 'published', null);
    } else row.incentivized = action === 'mark_incentivized';
  }

  erase(user: number): void {
    for (const row of this.rows.values()) {
      row.votes.delete(user);
      row.reports.delete(user);
    }
    this.remove([...this.rows.values()].filter(({ author }) => author === user));
  }

  #row(id: number): ModelReview {
    const row = this.rows.get(id);
    if (row === undefined) throw new Error(`the model has no review ${id}`);
    return row;
  }

  #add(id: number, product: string, author: number, content: Content, status: Status): void {
    if (this.rows.has(id)) throw new Error(`there are two reviews ${id}`);
    this.rows.set(id, {
      ...{ id, product, author, ...content, status, reason: null, verified: false, incentivized: false },
      ...{ pendingEdit: null, reply: null, votes: new Set(), reports: new Map() },
    });
    if (status === 'held' || status === 'hidden') this.#keptBack.set(`${product} ${author}`, status);
  }

  #become(row: ModelReview, status: Status, reason: string | null): void {
    const pair = `${row.product} ${row.author}`;
    if (row.status !== status) {
      if (status === 'published') this.#keptBack.delete(pair);
      else this.#keptBack.set(pair, status);
    }
    Object.assign(row, { status, reason });
  }
}
