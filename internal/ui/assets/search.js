// The search in texts: the server has the index, and the page only the names.

import { ask } from './feed.js';

const typing = 200; // milliseconds without a key press before a search
const again = 1500; // milliseconds after a change before searching again: a new text may match

/** Search keeps the matches in store.hits, and calls found() when they have changed. */
export class Search {
  constructor({ store, found }) {
    Object.assign(this, { store, found });
    this.texts = false; // the server can search texts
    this.query = '';
    this.state = ''; // searching, done or failed
    this.more = false;
  }

  /** look follows changes of the filter. */
  look() {
    const query = this.store.filter.search.trim();
    if (query === this.query && (this.state || !this.texts)) return;
    this.query = query;
    this.drop();
    if (!this.texts || !/[\p{L}\p{N}]/u.test(query)) return;
    this.state = 'searching';
    this.timer = setTimeout(() => this.fetch(), typing);
  }

  /** changed searches again after a while, because documents have changed. */
  changed() {
    if (this.state && this.state !== 'searching' && !this.timer) this.timer = setTimeout(() => this.fetch(), again);
  }

  drop() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.request?.abort();
    this.store.hits = new Map();
    this.state = '';
    this.more = false;
  }

  async fetch() {
    this.timer = 0;
    const request = new AbortController();
    this.request = request;
    try {
      const { hits, more } = await ask(`/api/search?q=${encodeURIComponent(this.query)}`, { signal: request.signal });
      if (request.signal.aborted) return;
      this.store.hits = new Map(hits.map((h) => [h.id, h.line]));
      Object.assign(this, { state: 'done', more });
    } catch (error) {
      if (request.signal.aborted) return;
      this.state = 'failed';
      this.why = error.message;
    }
    this.found();
  }

  /** says returns a sentence about the search, or ''. */
  says() {
    if (!this.query) return '';
    if (!this.texts) return 'Only names are searched: Firestore has no full-text search.';
    switch (this.state) {
      case 'searching': return 'Searching the texts …';
      case 'failed': return `Only names are searched. ${this.why}`;
      case 'done': return this.more ? 'More than 500 texts contain these words; the most recent ones are shown.' : '';
      default: return '';
    }
  }
}
