// One page of a document: its image, its text, and the boxes that join the two.

import { copyText, fill, icon, make, released, say, settle } from './dom.js';
import { ask } from './feed.js';
import { typeset } from './formulas.js';

/** Sheet is a page in the view. It loads its image and text when it is about to become visible. */
export class Sheet {
  constructor(view, entry) {
    this.view = view;
    this.entry = entry;
    this.picture = make('img', { alt: `Page ${entry.page} as it was uploaded`, decoding: 'async' });
    this.canvas = make('div', { class: 'canvas' }, this.picture);
    this.scan = make('figure', { class: 'scan' }, this.canvas);
    this.scan.addEventListener('pointerdown', (e) => this.grab(e));
    this.reading = make('div', { class: 'reading', tabindex: '-1' });
    this.head = make('h3');
    this.element = make('section', { class: 'sheet', 'aria-label': `Page ${entry.page}` },
      this.head, make('div', { class: 'both' }, this.reading, this.scan));
    this.element.sheet = this;
    this.write();
  }

  /** write shows what is known without a request. */
  write() {
    const { entry, view } = this;
    const badges = (entry.warnings ?? []).map((w) =>
      make('span', { class: 'badge' }, icon('warning'), view.codes.warnings[w] ?? w)
    );
    if (entry.code)
      badges.push(
        make(
          'span',
          { class: 'badge bad', title: entry.message },
          icon('failed'),
          view.codes.errors[entry.code]?.says ?? entry.code
        )
      );
    const copy =
      entry.ready &&
      !entry.blank &&
      make('button', { class: 'plain', type: 'button', onclick: () => this.copy() }, icon('copy'), 'Copy page');
    const turned = entry.turned && make('span', { class: 'turned', text: `shown rotated by ${entry.turned}°` });
    const said = { pdf_text: 'text from the file itself', copy: 'text of another file with the same bytes' }[
      entry.source
    ];
    const source = said && make('span', { class: 'turned', text: said });
    if (entry.width && entry.height) {
      this.picture.width = entry.width;
      this.picture.height = entry.height;
      this.canvas.style.setProperty('--ratio', entry.width / entry.height);
    }
    this.element.classList.toggle('textless', view.document?.status === 'failed' && !entry.ready);
    settle(
      this.head,
      make('span', { text: `Page ${entry.page}` }),
      ...(turned ? [turned] : []),
      ...(source ? [source] : []),
      ...badges,
      ...(copy ? [copy] : [])
    );
    if (this.read) return; // the text is loaded, or being loaded
    if (!entry.ready) this.aside(view.waitingFor());
    else if (entry.code)
      this.aside('This page has no text: reading it failed. The other pages are not affected.', true);
    else if (entry.blank) this.aside('This page is blank.');
  }

  aside(sentence, bad = false) {
    this.rendered = '';
    this.reading.replaceChildren(make('p', { class: bad ? 'aside bad' : 'aside', text: sentence }));
  }

  /** forget makes the text load again: the document was read again, perhaps too fast for any other sign of it. */
  forget() { this.entry = { ...this.entry, ready: false }; }

  /** change updates the page. */
  change(entry) {
    const was = this.entry;
    this.entry = entry;
    if (JSON.stringify(was) === JSON.stringify(entry) && was.ready) return;
    this.read = false;
    if (was.turned !== entry.turned) this.picture.removeAttribute('src'); // come loads it again
    this.write();
    if (this.near) this.come();
  }

  /** come loads what is missing. */
  async come() {
    this.near = true;
    this.recover();
    if (!this.picture.hasAttribute('src') && this.scan.checkVisibility()) this.show();
    if (this.read || !this.entry.ready || this.entry.blank || this.entry.code) return;
    this.read = true;
    if (!this.rendered) this.reading.replaceChildren(make('p', { class: 'aside late', text: 'Loading …' }));
    try {
      const page = await ask(this.view.address(`/pages/${this.entry.page}`));
      await released();
      this.render(page);
    } catch (error) {
      this.read = false;
      this.lose(error.passing);
      this.aside(error.message, true);
    }
  }

  /** lose notes that a request failed, and whether only in passing. */
  lose(passing) {
    if (!passing) return;
    this.lost = true;
    this.view.reviveLater();
  }

  /** revive repeats requests that failed in passing. */
  revive() { if (this.lost && this.near) this.come(); }

  /** recover forgets a picture that failed in passing, so that it is loaded again. */
  recover() {
    if (!this.lost) return;
    this.lost = false;
    if (!this.picture.classList.contains('wrong')) return;
    this.picture.classList.remove('wrong');
    this.picture.removeAttribute('src');
    this.scan.querySelector('.missing')?.remove();
  }

  show() {
    const address = this.view.imageAddress(this.entry);
    this.picture.onerror = () => this.missing(address);
    this.scan.classList.add('loading');
    this.picture.onload = () => {
      this.scan.classList.remove('loading');
      this.canvas.style.setProperty('--ratio', this.picture.naturalWidth / this.picture.naturalHeight);
    };
    this.picture.src = address;
  }

  /** grab lets the mouse drag an image larger than its place; touch scrolling needs no code. */
  grab(event) {
    const { scan } = this;
    if (
      event.pointerType !== 'mouse' ||
      event.button !== 0 ||
      (scan.scrollWidth <= scan.clientWidth && scan.scrollHeight <= scan.clientHeight)
    )
      return;
    event.preventDefault();
    let [x, y] = [event.clientX, event.clientY];
    const move = (e) => {
      scan.scrollLeft += x - e.clientX;
      scan.scrollTop += y - e.clientY;
      [x, y] = [e.clientX, e.clientY];
    };
    const drop = () => { scan.removeEventListener('pointermove', move); scan.classList.remove('held'); };
    scan.setPointerCapture(event.pointerId);
    scan.classList.add('held');
    scan.addEventListener('pointermove', move);
    scan.addEventListener('pointerup', drop, { once: true });
    scan.addEventListener('pointercancel', drop, { once: true });
  }

  /** missing shows why there is no image. */
  async missing(address) {
    this.scan.classList.remove('loading');
    this.picture.classList.add('wrong');
    const { message, passing } = await ask(address).then(
      ({ error }) => ({ message: error ?? 'The image cannot be shown.', passing: !error }), // it may be there by now
      (error) => error
    );
    this.scan.append(make('p', { class: 'missing', text: message }));
    this.lose(passing);
  }

  /** complete reports whether all of the page's text is shown. */
  complete() { return Boolean(this.rendered) || !this.entry.ready || Boolean(this.entry.blank || this.entry.code); }

  /** render shows a text, unless it is already shown. */
  render(page) {
    const rendered = JSON.stringify(page);
    if (this.rendered === rendered) return;
    this.rendered = rendered;
    this.scan.querySelectorAll('.box').forEach((b) => b.remove());
    this.reading.replaceChildren();
    if (page.html) fill(this.reading, page.html);
    for (const block of page.blocks ?? []) this.join(block);
    typeset(this.reading);
  }

  /** join draws a block over the image and puts its text beside it; pointing at either highlights both. */
  join({ label, box: [left, top, right, bottom], html }) {
    const name = label.replaceAll('_', ' ');
    const box = make('div', { class: 'box', 'data-label': name });
    box.style.left = `${left / 10}%`;
    box.style.top = `${top / 10}%`;
    box.style.width = `${(right - left) / 10}%`;
    box.style.height = `${(bottom - top) / 10}%`;
    const part = make('div', { class: 'block', tabindex: '0', role: 'group', 'aria-label': name, 'data-label': label });
    fill(part, html);
    if (!part.firstChild) part.append(make('p', { class: 'aside', text: `(${name})` }));
    const light = (on) => () => { box.classList.toggle('lit', on); part.classList.toggle('lit', on); };
    for (const end of [box, part]) {
      end.addEventListener('pointerenter', light(true));
      end.addEventListener('pointerleave', light(false));
    }
    part.addEventListener('focus', light(true));
    part.addEventListener('blur', light(false));
    box.addEventListener('click', () => { part.focus(); part.scrollIntoView({ block: 'nearest' }); });
    this.canvas.append(box);
    this.reading.append(part);
  }

  async copy() {
    try {
      const { text } = await ask(this.view.address(`/pages/${this.entry.page}`));
      await copyText(text);
      say(`Copied the text of page ${this.entry.page}.`);
    } catch (error) {
      say(`Copying failed: ${error.message}`);
    }
  }
}
