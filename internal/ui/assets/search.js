// The search in the texts: the server has the index, the page only the names.

import { ask } from './feed.js';

const typing = 200; // milliseconds without a key: the word is whole
const again = 1500; // milliseconds after a change: a text may have come that is searched for

/** Search keeps store.hits what the texts have of what is searched for, and calls found() when that has changed. */
export class Search {
  constructor({ store, found }) {
    Object.assign(this, { store, found });
    this.texts = false; // the server searches them
    this.query = '';
    this.state = ''; // searching, done or failed
    this.more = false;
  }

  /** look follows the filter. */
  look() {
    const query = this.store.filter.words.join(' ');
    if (query === this.query && (this.state || !this.texts)) return;
    this.query = query;
    this.drop();
    if (!this.texts || !/[\p{L}\p{N}]/u.test(query)) return;
    this.state = 'searching';
    this.timer = setTimeout(() => this.fetch(), typing);
  }

  /** changed asks once more after a while: documents have changed. */
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

  /** says is what there is to say about the search, beside what it finds. */
  says() {
    if (!this.query) return '';
    if (!this.texts) return 'Only names are searched: the texts are in Firestore, which has no search for them.';
    switch (this.state) {
      case 'searching': return 'Searching the texts …';
      case 'failed': return `Only names are searched. ${this.why}`;
      case 'done': return this.more ? 'More than 500 texts have these words: those read last are shown.' : '';
      default: return '';
    }
  }
}
