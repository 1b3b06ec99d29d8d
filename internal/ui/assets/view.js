// The view of one document.

import { make, say } from './dom.js';
import { ask } from './feed.js';
import { header } from './header.js';
import { Sheet } from './sheet.js';

/** View shows a document and follows it while it changes. close() is the caller's: the address decides what is open. */
export class View {
  constructor({ element, codes, now, may, close, token }) {
    Object.assign(this, { element, codes, now, may, close, token, list: [] });
    this.watcher = new IntersectionObserver((list) => this.saw(list), { rootMargin: '900px 0px' });
  }

  /** open shows a document; summary may be unknown yet. */
  open(id, page, summary) {
    if (this.id === id) {
      if (page) this.go(page);
      return;
    }
    this.shut();
    this.id = id;
    this.wanted = page;
    this.summary = summary;
    this.head = make('header');
    this.sheets = make('div', { class: 'sheets', tabindex: '0', role: 'region', 'aria-label': 'Pages' });
    this.element.replaceChildren(this.head, this.sheets);
    this.element.hidden = false;
    if (summary) header(this);
    else this.head.append(make('p', { class: 'aside', text: 'Loading …' }));
    this.load().then(() => this.element.querySelector('h2')?.focus({ preventScroll: true }));
  }

  shut() {
    this.watcher.disconnect();
    this.element.replaceChildren();
    this.element.hidden = true;
    this.id = this.document = this.summary = null;
    this.list = [];
  }

  /** change takes a newer summary of what is open. */
  change(summary) {
    if (summary.id !== this.id || summary.version === this.summary?.version) return;
    const other = this.summary && this.summary.generation !== summary.generation;
    this.summary = summary;
    if (other) this.list = [];
    header(this);
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.load(), 250);
  }

  /** learn writes again what depends on the server's words and rights. */
  learn() {
    if (!this.summary) return;
    header(this);
    for (const sheet of this.list) sheet.write();
  }

  async load() {
    const { id } = this;
    try {
      const found = await ask(`/api/documents/${id}${this.summary ? `?version=${this.summary.version}` : ''}`);
      if (this.id !== id) return;
      if (this.document && this.document.finished !== found.finished) for (const sheet of this.list) sheet.forget();
      this.document = found;
      if (!this.summary || this.summary.updated < found.updated) this.summary = found;
    } catch (error) {
      if (this.id === id) this.sheets.replaceChildren(make('p', { class: 'reason', text: error.message }));
      return;
    }
    header(this);
    this.lay();
  }

  /** lay brings the sheets in line with the pages there are. */
  lay() {
    let entries = this.document.pageList;
    if (entries.length === 0 && this.document.status !== 'deleted') entries = [{ page: 1, ready: false }];
    if (this.list.length === 0 || this.list.length > entries.length) {
      this.watcher.disconnect();
      this.sheets.replaceChildren();
      this.list = [];
    }
    entries.forEach((entry, i) => {
      if (this.list[i]) { this.list[i].change(entry); return; }
      const sheet = new Sheet(this, entry);
      this.list.push(sheet);
      this.sheets.append(sheet.element);
      this.watcher.observe(sheet.element);
    });
    if (this.document.status === 'deleted') this.sheets.replaceChildren(make('p', { class: 'reason', text: 'The file was deleted, and its text with it.' }));
    if (this.wanted > 1) this.go(this.wanted);
    this.wanted = 0;
  }

  saw(entries) {
    for (const e of entries) if (e.isIntersecting) e.target.sheet.come();
  }

  address(rest) { return `/api/documents/${this.id}${rest}?version=${this.document.version}`; }

  /** imageAddress is that of a page's image, turned as it was to be read. */
  imageAddress({ page, turned }) {
    return `/api/documents/${this.id}/pages/${page}/image?generation=${this.document.generation}${turned ? `&turned=${turned}` : ''}`;
  }

  /** waitingFor is what stands in place of a text that is not there. */
  waitingFor() {
    return { processing: 'This page is being read.', retrying: 'This page is not read yet.', failed: 'There is no text: reading failed.' }[this.document.status]
      ?? 'There is no text.';
  }

  /** page is the number of the page at the top. */
  page() {
    const top = this.sheets.scrollTop + 60;
    let n = 1;
    for (const s of this.list) {
      if (s.element.offsetTop > top) break;
      n = s.entry.page;
    }
    return n;
  }

  go(page) {
    const sheet = this.list[Math.min(Math.max(page, 1), this.list.length) - 1];
    if (sheet) this.sheets.scrollTop = sheet.element.offsetTop;
  }

  step(by) { this.go(this.page() + by); }

  widen() {
    const wide = this.element.classList.toggle('wide');
    say(wide ? 'Image and text one above the other.' : 'Image and text side by side.');
  }

  async copy() {
    try {
      const response = await fetch(this.address('/text'));
      if (!response.ok) throw new Error('the text cannot be had');
      await navigator.clipboard.writeText(await response.text());
      say('The whole text is copied.');
    } catch (error) {
      say(`It could not be copied: ${error.message}`);
    }
  }

  canRetry() {
    const d = this.summary;
    return this.may.retry && d && (d.status === 'failed' || d.status === 'retrying' || (d.status === 'done' && Boolean(d.warnings) && d.rereading !== 'now' && d.rereading !== 'waiting'));
  }

  async retry() {
    if (!this.canRetry()) return;
    try {
      await ask(`/api/documents/${this.id}/retry`, {
        method: 'POST', headers: { 'X-Bucketocr-Token': this.token(), 'Content-Type': 'application/json' },
        body: JSON.stringify({ version: this.summary.version }),
      });
      say('It is tried again.');
    } catch (error) {
      say(error.message);
    }
  }
}

