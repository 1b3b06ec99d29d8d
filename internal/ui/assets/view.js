// The view of one document.

import { copyText, make, released, say } from './dom.js';
import { ask, askNow } from './feed.js';
import { typesetAll } from './formulas.js';
import { follow, header } from './header.js';
import { Sheet } from './sheet.js';
import { retryable } from './words.js';

const sizes = [1, 1.5, 2, 3, 4, 6]; // of an image, relative to the width of its place
const roomFor2 = 700; // pixels from which image and text fit side by side
const still = 250; // milliseconds for which a page is shown before the address names it
const firstWait = 2_000; // milliseconds before what failed in passing is loaded again; doubled each time
const longestWait = 300_000;

/** View shows a document and follows its changes. The caller decides what is open, by the address, and provides
 * close(), step(by) to another document, has(by), which reports whether there is one, and add() for files. View calls
 * named() when the document is known, and turned(page) when another page has reached the top. */
export class View {
  constructor(own) { // {element, codes, now, may, token, close, step, has, add, named, turned}
    Object.assign(this, own, { id: null, list: [] });
    const { element } = own;
    this.watcher = new IntersectionObserver((list) => this.saw(list), { rootMargin: '900px 0px' });
    this.sizes = new ResizeObserver(() => this.hold());
    this.roomy = 'side'; // or 'stacked'
    this.narrow = 'text'; // or 'image'
    this.size = 1; // or another of sizes, or 'page'
    new ResizeObserver(() => this.fit()).observe(element);
  }

  /** open shows a document; its summary may be unknown as yet. It focuses the document's name unless stay is set. */
  open(id, page, summary, stay) {
    if (this.id === id) {
      if (page) this.go(page);
      return;
    }
    this.shut();
    this.id = id;
    this.wait = firstWait;
    this.wanted = page;
    this.summary = summary;
    this.head = make('header');
    this.sheets = make('div', { class: 'sheets', tabindex: '0', role: 'region', 'aria-label': 'Pages' });
    this.sheets.addEventListener('scroll', () => this.scrolled(), { passive: true });
    this.element.replaceChildren(this.head, this.sheets);
    this.element.hidden = false;
    this.fit();
    header(this);
    if (!stay) this.head.querySelector('h2').focus({ preventScroll: true });
    this.load();
  }

  shut() {
    this.watcher.disconnect();
    this.sizes.disconnect();
    for (const timer of [this.soon, this.link, this.again]) clearTimeout(timer);
    this.again = 0;
    this.element.replaceChildren();
    this.element.hidden = true;
    this.id = this.document = this.summary = this.pinned = this.trouble = null;
    this.list = [];
  }

  /** change updates the summary of the open document. */
  async change(summary) {
    if (summary.id !== this.id || summary.version === this.summary?.version) return;
    const other = this.summary && this.summary.generation !== summary.generation;
    this.summary = summary;
    if (other) this.list = [];
    await released();
    if (this.summary !== summary) return;
    header(this);
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.load(), 250);
  }

  /** learn updates everything that depends on the server's hello. */
  learn() {
    if (!this.summary) return;
    header(this);
    for (const sheet of this.list) sheet.write();
  }

  /** place follows changes of the list: the document may have gained or lost neighbours. */
  place() {
    if (!this.id) return;
    for (const [act, by] of [['document-before', -1], ['document-after', 1]]) {
      const button = this.head.querySelector(`[data-act="${act}"]`);
      if (button) button.disabled = !this.has(by);
    }
  }

  /** reviveLater revives after a while what failed in passing. */
  reviveLater() {
    if (this.again || !this.id) return;
    this.again = setTimeout(() => { this.again = 0; this.revive(); }, this.wait);
    this.wait = Math.min(2 * this.wait, longestWait);
  }

  /** revive loads what could not be loaded, because the server was unreachable for instance. */
  revive() {
    if (!this.id) return;
    if (this.trouble) this.load();
    for (const sheet of this.list) sheet.revive();
    if (this.summary) header(this); // it may say that waiting documents are not being processed
  }

  async load() {
    const { id } = this;
    try {
      const found = await ask(
        `/api/documents/${encodeURIComponent(id)}${this.summary ? `?version=${this.summary.version}` : ''}`
      );
      await released();
      if (this.id !== id) return;
      this.trouble = null;
      if (this.document?.updated > found.updated) return; // responses need not arrive in order
      if (this.document && this.document.finished !== found.finished) for (const sheet of this.list) sheet.forget();
      this.document = found;
      if (!this.summary || this.summary.updated < found.updated) this.summary = found;
    } catch (error) {
      if (this.id !== id) return;
      this.trouble = error;
      if (error.passing) this.reviveLater();
      header(this);
      if (!this.document) this.sheets.replaceChildren(make('p', { class: 'reason', text: error.status === 404
        ? 'There is no document at this address: it was deleted, or the address is incomplete.' : error.message }));
      return;
    }
    header(this);
    this.named();
    this.lay();
    if (this.size !== 1 && !this.sheets.dataset.size) this.resize(this.size);
  }

  /** lay updates the sheets to match the pages. */
  lay() {
    let entries = this.document.pageList;
    if (entries.length === 0 && this.document.status !== 'deleted') entries = [{ page: 1, ready: false }];
    if (this.list.length === 0 || this.list.length > entries.length) {
      this.watcher.disconnect();
      this.sizes.disconnect();
      this.sheets.replaceChildren();
      this.list = [];
    }
    entries.forEach((entry, i) => {
      if (this.list[i]) { this.list[i].change(entry); return; }
      const sheet = new Sheet(this, entry);
      this.list.push(sheet);
      this.sheets.append(sheet.element);
      this.watcher.observe(sheet.element);
      this.sizes.observe(sheet.element);
    });
    if (this.document.status === 'deleted')
      this.sheets.replaceChildren(
        make('p', { class: 'reason', text: 'The file was deleted, together with its text.' })
      );
    if (this.wanted > 1) this.go(this.wanted);
    this.wanted = 0;
    follow(this);
  }

  saw(entries) {
    for (const e of entries) if (e.isIntersecting) e.target.sheet.come();
  }

  address(rest) { return `/api/documents/${this.id}${rest}?version=${this.document.version}`; }

  /** imageAddress returns the address of a page's image, rotated as it was for reading. */
  imageAddress({ page, turned }) {
    return `/api/documents/${this.id}/pages/${page}/image?generation=${this.document.generation}${turned ? `&turned=${turned}` : ''}`;
  }

  /** waitingFor returns the sentence shown in place of a missing text. */
  waitingFor() {
    return (
      {
        processing: 'This page is being read.',
        retrying: 'This page has not been read yet.',
        failed: 'No text: reading failed.',
      }[this.document.status] ?? 'No text.'
    );
  }

  // Pages.

  /** page returns the number of the page at the top or, if nothing has scrolled since, the one last gone to: the last
   * pages may be too short to reach the top. */
  page() {
    this.hold();
    if (this.pinned) return this.pinned.page;
    const { scrollTop, scrollHeight, clientHeight } = this.sheets;
    if (scrollTop > 0 && scrollTop + clientHeight >= scrollHeight - 2) return this.list.at(-1)?.entry.page ?? 1;
    let n = 1;
    for (const s of this.list) {
      if (s.element.offsetTop > scrollTop + 60) break;
      n = s.entry.page;
    }
    return n;
  }

  /** go shows the page with the nearest number, and returns that number. */
  go(page) {
    const n = Math.min(Math.max(Math.round(page) || 1, 1), this.list.length);
    const sheet = this.list[n - 1];
    if (!sheet) return 1;
    this.sheets.style.overflowAnchor = 'none'; // hold does this
    this.sheets.scrollTop = sheet.element.offsetTop;
    this.pinned = { page: n, top: this.sheets.scrollTop };
    this.scrolled();
    return n;
  }

  /** hold keeps the page gone to at the top while the pages above it load and change height, until something scrolls.
   * */
  hold() {
    const { pinned, sheets } = this;
    if (!pinned) return;
    const wanted = Math.min(
      this.list[pinned.page - 1]?.element.offsetTop ?? 0,
      sheets.scrollHeight - sheets.clientHeight
    );
    const near = (top) => Math.abs(sheets.scrollTop - top) < 2;
    if (!near(pinned.top) && !near(wanted)) {
      this.pinned = null;
      sheets.style.overflowAnchor = '';
      return;
    }
    if (!near(wanted)) sheets.scrollTop = wanted;
    pinned.top = sheets.scrollTop;
  }

  leaf(by) { if (this.list.length) this.go(this.page() + by); }

  /** scrolled follows the page at the top, once per frame. */
  scrolled() {
    if (this.following) return;
    this.following = requestAnimationFrame(() => {
      this.following = 0;
      if (!this.id || this.list.length === 0) return;
      follow(this);
      clearTimeout(this.link);
      this.link = setTimeout(() => this.turned(this.page()), still);
    });
  }

  // Image and text.

  /** fit chooses the mode for the available width. */
  fit() {
    if (this.element.hidden) return;
    const tight = this.element.clientWidth < roomFor2;
    if (tight === this.tight && this.element.dataset.mode) return;
    this.tight = tight;
    this.arrange();
  }

  /** modes returns the two ways to show a page: side by side or stacked if there is room, or else text or image. */
  modes() {
    return this.tight ? [['text', 'Text'], ['image', 'Image']] : [['side', 'Side by side'], ['stacked', 'Stacked']];
  }

  mode() { return this.tight ? this.narrow : this.roomy; }

  show(mode) {
    if (this.tight) this.narrow = mode;
    else this.roomy = mode;
    this.arrange();
  }

  /** turn switches to the other mode. */
  turn() { this.show(this.modes().map(([mode]) => mode).find((mode) => mode !== this.mode())); }

  arrange() {
    const at = this.list.length && this.element.dataset.mode ? this.page() : 0;
    this.element.dataset.mode = this.mode();
    if (this.summary && this.head) header(this);
    for (const sheet of this.list) if (sheet.near) sheet.come();
    if (at > 1) this.go(at);
  }

  images() { return this.mode() !== 'text' || this.summary?.status === 'failed'; }

  /** resize sets the width of the images relative to their place, or fits them to the visible height ('page'). */
  resize(size) {
    const at = this.page();
    this.size = size;
    this.sheets.dataset.size = size === 'page' ? 'page' : size > 1 ? 'large' : 'width';
    this.sheets.style.setProperty('--zoom', size === 'page' ? 1 : size);
    this.sheets.style.setProperty('--high', `${this.sheets.clientHeight - 80}px`);
    header(this);
    if (at > 1) this.go(at);
  }

  magnify(by) {
    const at = sizes.indexOf(this.size === 'page' ? 1 : this.size);
    this.resize(sizes[Math.min(Math.max(at + by, 0), sizes.length - 1)]);
  }

  // Actions.

  async copy() {
    try {
      const response = await fetch(this.address('/text'));
      if (!response.ok) throw new Error('the text could not be loaded');
      await copyText(await response.text());
      say('Copied the whole text.');
    } catch (error) {
      say(`Copying failed: ${error.message}`);
    }
  }

  /** print prints the text of all pages, including formulas. */
  async print() {
    this.whole();
    await typesetAll();
    window.print();
  }

  /** whole loads the text of all pages synchronously: a browser that starts printing does not wait. */
  whole() {
    if (!this.document || this.list.every((sheet) => sheet.complete())) return;
    const texts = askNow(this.address('/pages'));
    for (const sheet of this.list) {
      const text = texts?.[sheet.entry.page];
      if (text && !sheet.complete()) sheet.render(text);
    }
  }

  canRetry() {
    const d = this.summary;
    return this.may.retry && d && retryable(d, this.codes.errors);
  }

  async retry() {
    if (!this.canRetry()) return;
    try {
      await ask(`/api/documents/${this.id}/retry`, {
        method: 'POST', headers: { 'X-Bucketocr-Token': this.token(), 'Content-Type': 'application/json' },
        body: JSON.stringify({ version: this.summary.version }),
      });
      say(`Queued to be read again. ${this.may.idle}`);
    } catch (error) {
      say(error.message);
    }
  }
}
