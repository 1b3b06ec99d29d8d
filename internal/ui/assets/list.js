// The list of documents. Only visible rows exist, so thousands of documents cost no more than thirty.

import { icon, make, settle, turnIcon } from './dom.js';
import { newest } from './store.js';
import { Thumbnails } from './thumbnails.js';
import { ago, count, moment, nameParts, noteOf, pagesOf, statuses } from './words.js';

const spare = 6; // extra rows beyond the visible ones

/** List shows the documents in store.shown. It calls choose(id) when a row is opened, and picked() when the selection
 * changes. */
export class List {
  constructor({ list, spacer, fresh, store, codes, may, now, choose, picked }) {
    Object.assign(this, { list, spacer, fresh, store, codes, may, now, choose, picked });
    this.rows = new Map(); // by id
    this.active = ''; // the row that keys act on
    this.opened = ''; // the document shown in the view
    this.unseen = 0;
    this.selected = new Set(); // IDs, all of them shown
    this.anchor = ''; // start of a range
    this.thumbnails = new Thumbnails(() => this.inSight());
    list.addEventListener('scroll', () => { this.thumbnails.look(true); this.draw(); }, { passive: true });
    spacer.addEventListener('click', (e) => this.clicked(e));
    fresh.addEventListener('click', () => this.top());
    new ResizeObserver(() => this.measure()).observe(list);
    setInterval(() => this.tick(), 1000);
  }

  /** measure sets the height of rows for this width. Their height and position depend on one number, so that they
   * change together; the row at the top stays there. */
  measure() {
    const pane = this.list.parentElement;
    pane.classList.toggle('narrow', pane.clientWidth <= 820);
    const height = parseFloat(getComputedStyle(pane).getPropertyValue('--row'));
    if (height !== this.height) {
      const first = this.list.scrollTop / (this.height || height);
      this.height = height;
      this.spacer.style.setProperty('--height', `${height}px`);
      this.spacer.style.height = `${this.store.shown.length * height}px`;
      this.list.scrollTop = first * height;
    }
    this.update();
    if (this.opened) this.reveal(this.opened);
  }

  /** refresh updates the existing rows, without moving any. */
  refresh() {
    for (const [id, row] of this.rows) {
      const d = this.store.get(id);
      if (d && row.shows !== d) this.write(row, d);
    }
  }

  /** update follows store.shown. The rows in view stay in place, whatever is added above them. */
  update() {
    const { list, store } = this;
    const top = list.scrollTop;
    const first = Math.floor(top / this.height);
    const anchor = top > 0 ? this.before?.[first] : undefined;
    const length = this.before?.length ?? 0;
    if (this.selected.size && this.before !== store.shown) this.prune();
    this.before = store.shown;
    this.spacer.style.height = `${store.shown.length * this.height}px`;
    if (anchor !== undefined && store.shown[first] !== anchor) {
      const moved = store.shown.indexOf(anchor);
      if (moved >= 0) list.scrollTop = top + (moved - first) * this.height;
      if (moved > first && store.shown.length > length && store.filter.sort === newest) this.unseen += moved - first;
    }
    this.draw();
  }

  draw() {
    const { list, store, height } = this;
    if (!height) return;
    const from = Math.max(0, Math.floor(list.scrollTop / height) - spare);
    const to = Math.min(store.shown.length, Math.ceil((list.scrollTop + list.clientHeight) / height) + spare);
    const kept = new Set(store.shown.slice(from, to));
    for (const [id, row] of this.rows) {
      if (!kept.has(id)) { row.remove(); this.rows.delete(id); }
    }
    for (let i = from; i < to; i++) this.place(store.shown[i], i);
    if (list.scrollTop < height) this.unseen = 0;
    this.fresh.hidden = this.unseen === 0;
    this.fresh.textContent = `↑ ${this.unseen.toLocaleString('en')} new`;
    this.point();
    this.thumbnails.look(false);
  }

  /** inSight returns the visible rows, from the top. */
  inSight() {
    const { list, height } = this;
    const from = Math.floor(list.scrollTop / height);
    const to = Math.ceil((list.scrollTop + list.clientHeight) / height);
    return [...this.rows.values()]
      .filter((row) => row.index >= from && row.index < to)
      .sort((a, b) => a.index - b.index);
  }

  place(id, index) {
    const d = this.store.get(id);
    let row = this.rows.get(id);
    if (!row) {
      row = this.newRow(id);
      this.rows.set(id, row);
      this.spacer.append(row);
    }
    if (row.index !== index || row.total !== this.store.shown.length) {
      row.index = index;
      row.total = this.store.shown.length;
      row.style.setProperty('--at', index);
      row.setAttribute('aria-posinset', index + 1);
      row.setAttribute('aria-setsize', row.total);
    }
    if (row.shows !== d) this.write(row, d);
    row.setAttribute('aria-selected', this.selected.has(id));
    if (id === this.opened) row.setAttribute('aria-current', 'true');
    else row.removeAttribute('aria-current');
    row.classList.toggle('active', id === this.active);
  }

  newRow(id) {
    const row = make('div', { class: 'row', role: 'option', id: `d-${id}` });
    row.parts = {
      pick: make('span', { class: 'pick', title: 'Select (x)' }, icon('done')),
      thumb: make('span', { class: 'thumb' }),
      name: make('span', { class: 'name' }),
      state: make('span', { class: 'state' }, icon('processing', 'status'), make('span')),
      note: make('span', { class: 'note' }),
      pages: make('span', { class: 'pages' }),
      age: make('time', { class: 'age' }),
    };
    row.append(...Object.values(row.parts));
    row.dataset.id = id;
    return row;
  }

  write(row, d) {
    const old = row.shows;
    row.shows = d;
    row.dataset.status = d.status;
    const { parts } = row;
    this.thumbnails.write(row, d);
    turnIcon(parts.state.firstChild, d.status);
    parts.state.lastChild.textContent = statuses[d.status];
    const [folder, file] = nameParts(d.name);
    settle(parts.name, make('span', { class: 'folder', text: folder }), make('span', { class: 'file', text: file }));
    parts.name.title = folder + file;
    this.writePages(parts.pages, d);
    this.writeTimes(row, d);
    if (old && old.status !== d.status) {
      row.classList.remove('changed');
      void row.offsetWidth; // restarts the animation
      row.classList.add('changed');
    }
  }

  writePages(cell, d) {
    const parts = [];
    if (d.status === 'processing' && d.pages > 1)
      parts.push(make('progress', { max: d.pages, value: d.pagesDone, 'aria-hidden': 'true' }));
    if (d.warnings) {
      parts.push(make('span', { class: 'warns', title: d.warnings.map((w) => this.codes.warnings[w] ?? w).join(' ') },
        icon('warning'), count(d.warnings.length, 'warning')));
    }
    settle(cell, ...parts, pagesOf(d));
  }

  writeTimes(row, d) {
    const now = this.now();
    const { age: cell } = row.parts;
    const age = `${ago(now - d.arrived)} ago`;
    if (cell.textContent !== age) cell.textContent = age;
    if (cell.arrived !== d.arrived) {
      cell.arrived = d.arrived;
      cell.dateTime = new Date(d.arrived).toISOString();
      cell.title = `Added ${moment(d.arrived)}`;
    }
    this.writeNote(row.parts.note, d, now);
  }

  /** writeNote shows what a document waits for or why it failed, or else the line found by the search or the first line
   * of its text. */
  writeNote(cell, d, now) {
    const why = noteOf(d, this.codes.errors, now, this.may.idle);
    const hit = !why && this.store.hits.get(d.id);
    const note = why || hit?.join('') || d.line || '';
    if (cell.note === note && cell.hit === hit) return;
    Object.assign(cell, { note, hit, title: note });
    cell.replaceChildren(...(hit ? hit.map((part, i) => (i % 2 ? make('mark', { text: part }) : part)) : [note]));
  }

  tick() {
    for (const row of this.rows.values()) this.writeTimes(row, row.shows);
  }

  clicked(event) {
    const row = event.target.closest('.row');
    if (!row) return;
    const { id } = row.dataset;
    this.active = id;
    if (event.shiftKey) this.select(id, 'range');
    else if (event.target.closest('.pick') || event.ctrlKey || event.metaKey) this.select(id, 'toggle');
    else this.choose(id);
  }

  /** select selects only a document, toggles it, or selects the range from the last one to it. */
  select(id, how) {
    const { shown } = this.store;
    const to = shown.indexOf(id);
    if (to < 0) return;
    const from = how === 'range' ? shown.indexOf(this.anchor) : -1;
    if (from >= 0) for (let i = Math.min(from, to); i <= Math.max(from, to); i++) this.selected.add(shown[i]);
    else if (how === 'toggle' && this.selected.has(id)) this.selected.delete(id);
    else this.selected.add(id);
    if (from < 0) this.anchor = id;
    this.draw();
    this.picked();
  }

  /** selectAll selects all documents shown, or none. */
  selectAll(on) {
    this.selected = new Set(on ? this.store.shown : []);
    this.draw();
    this.picked();
  }

  /** prune deselects documents that are not shown, so that no action affects unseen ones. */
  prune() {
    const shown = new Set(this.store.shown);
    for (const id of this.selected) if (!shown.has(id)) this.selected.delete(id);
    this.picked();
  }

  /** extend moves the active row and selects the rows in between. */
  extend(by) {
    if (!this.store.shown.includes(this.anchor)) this.anchor = this.active;
    this.move(by);
    if (!this.store.shown.includes(this.anchor)) this.anchor = this.active;
    this.select(this.active, 'range');
  }

  /** point tells screen readers which row is active. */
  point() {
    if (this.active && this.rows.has(this.active)) this.list.setAttribute('aria-activedescendant', `d-${this.active}`);
    else this.list.removeAttribute('aria-activedescendant');
  }

  /** move moves the active row by a number of rows. */
  move(by) {
    const { shown } = this.store;
    if (shown.length === 0) return;
    const at = shown.indexOf(this.active);
    const to = at < 0 ? (by < 0 ? shown.length - 1 : 0) : at + by;
    this.active = shown[Math.min(shown.length - 1, Math.max(0, to))];
    this.reveal(this.active);
  }

  /** neighbour returns the document a number of places below another in the list, or undefined. */
  neighbour(id, by) {
    const at = this.store.shown.indexOf(id);
    return at < 0 ? undefined : this.store.shown[at + by];
  }

  page() { return Math.max(1, Math.floor(this.list.clientHeight / this.height) - 1); }

  reveal(id) {
    const at = this.store.shown.indexOf(id);
    if (at < 0) return;
    const { list, height } = this;
    if (at * height < list.scrollTop) list.scrollTop = at * height;
    else if ((at + 1) * height > list.scrollTop + list.clientHeight)
      list.scrollTop = (at + 1) * height - list.clientHeight;
    this.draw();
  }

  top() {
    this.list.scrollTop = 0;
    this.unseen = 0;
    this.draw();
    this.list.focus();
  }

  open(id) {
    this.opened = id;
    if (id) this.active = id;
    if (id && this.height) this.reveal(id);
    this.draw();
  }
}
