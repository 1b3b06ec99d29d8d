// Actions on several documents: the selected ones, or those that failed for the same reason.

import { byId, icon, make, say, settle } from './dom.js';
import { ask } from './feed.js';
import { count, helps, retryable } from './words.js';

const atOnce = 3;
const many = 20; // documents retried without asking

/** Bulk writes the bar above the list and the reasons of failures. server() returns the last hello, filter(change)
 * changes the filter. */
export class Bulk {
  constructor({ list, store, codes, may, server, filter }) {
    Object.assign(this, { list, store, codes, may, server, filter });
    this.bar = byId('bulk');
    this.all = byId('all');
    this.all.addEventListener('change', () => list.selectAll(this.all.checked));
    const button = (act, symbol, text, title, onclick) =>
      make('button', { type: 'button', 'data-act': act, title, onclick }, icon(symbol), make('span', { text }));
    this.said = make('span', { class: 'said', role: 'status' });
    this.buttons = {
      retry: button('bulk-retry', 'again', 'Try again', 'Try again (r)', () => this.retry()),
      export: button('bulk-export', 'download', 'Export', 'Export the texts as one file (e)', () => this.export()),
      remove: button('bulk-delete', 'bin', 'Delete', 'Delete (Delete)', () => this.remove()),
      clear: button('bulk-clear', 'close', 'Clear', 'Clear the selection (Esc)', () => this.clear()),
    };
    this.bar.append(this.said, ...Object.values(this.buttons));
  }

  chosen() { return [...this.list.selected].map((id) => this.store.get(id)); }

  /** targets returns the selected documents or, if none are selected, the active one. */
  targets() {
    if (this.list.selected.size) return this.chosen();
    const d = this.store.get(this.list.active);
    return d && this.store.shown.includes(d.id) ? [d] : [];
  }

  /** write shows the number of selected documents and the actions for them. */
  write() {
    const { selected } = this.list;
    const { shown } = this.store;
    this.all.checked = selected.size > 0 && selected.size === shown.length;
    this.all.indeterminate = selected.size > 0 && selected.size < shown.length;
    this.all.disabled = shown.length === 0;
    const had = this.bar.contains(document.activeElement);
    this.bar.hidden = selected.size === 0 && !this.busy;
    if (this.bar.hidden) {
      if (had) this.list.list.focus({ preventScroll: true });
      return;
    }
    if (!this.busy) this.said.textContent = `${selected.size.toLocaleString('en')} selected`;
    const chosen = this.chosen();
    this.buttons.retry.hidden = !this.may.retry || !chosen.some((d) => retryable(d, this.codes.errors));
    this.buttons.export.hidden = !this.may.export || !chosen.some((d) => d.status === 'done');
    this.buttons.remove.hidden = !this.may.remove || !chosen.some((d) => d.status !== 'deleted');
    for (const b of Object.values(this.buttons)) b.disabled = Boolean(this.busy);
  }

  clear() { this.list.selectAll(false); }

  retry(documents = this.targets()) {
    const list = documents.filter((d) => retryable(d, this.codes.errors));
    if (!this.may.retry || list.length === 0) return;
    const go = () =>
      this.each(list, 'retry', (n) => `${count(n, 'document')} queued to be read again. ${this.may.idle}`);
    if (list.length <= many) go();
    else
      this.ask(
        `Try ${count(list.length, 'document')} again?`,
        'Pages that have not been read are sent to the OCR service again.',
        'Try again',
        go
      );
  }

  remove() {
    const list = this.targets().filter((d) => d.status !== 'deleted');
    if (!this.may.remove || list.length === 0) return;
    const [what, its] =
      list.length === 1 ? [`“${list[0].name}”`, 'Its text is'] : [count(list.length, 'document'), 'Their texts are'];
    this.ask(
      `Delete ${what}?`,
      `${its} deleted for good. ${list.length === 1 ? 'The file is kept, but' : 'The files are kept, but'} not read again.`,
      'Delete',
      () => this.each(list, 'delete', (n) => `${count(n, 'document')} deleted.`),
      true
    );
  }

  async export() {
    const ids = this.targets().filter((d) => d.status === 'done').map((d) => d.id);
    if (!this.may.export || ids.length === 0) return;
    try {
      const { file } = await this.post('/api/exports', { documents: ids });
      make('a', { href: file, download: '' }).click();
      const others = this.list.selected.size - ids.length;
      say(
        `${count(ids.length, 'text')} in one file${others > 0 ? `; ${others.toLocaleString('en')} have no text yet` : ''}.`
      );
    } catch (error) {
      say(error.message);
    }
  }

  post(path, body) {
    return ask(path, {
      method: 'POST',
      headers: { 'X-Bucketocr-Token': this.server().token, 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
  }

  /** each sends a request for each document, a few at a time, and reports the result. */
  async each(list, what, done) {
    if (this.busy) return;
    this.busy = true;
    let good = 0;
    let last = '';
    let next = 0;
    const worker = async () => {
      while (next < list.length) {
        const d = list[next++];
        this.said.textContent = `${next.toLocaleString('en')} of ${list.length.toLocaleString('en')} …`;
        try {
          await this.post(`/api/documents/${d.id}/${what}`, { version: d.version });
          good++;
          this.list.selected.delete(d.id);
        } catch (error) {
          last = error.message;
          if (error.status === undefined || error.status === 403) next = list.length; // the others would fail too
        }
      }
    };
    this.write();
    await Promise.all(Array.from({ length: atOnce }, worker));
    this.busy = false;
    this.list.draw();
    this.write();
    say(
      [good ? done(good) : '', good < list.length ? `${count(list.length - good, 'document')} failed: ${last}` : '']
        .filter(Boolean)
        .join(' ')
    );
  }

  ask(title, text, yes, go, danger) {
    const dialog = byId('ask');
    byId('ask-title').textContent = title;
    byId('ask-text').textContent = text;
    const button = byId('ask-yes');
    button.textContent = yes;
    button.classList.toggle('danger', Boolean(danger));
    button.classList.toggle('main', !danger);
    dialog.returnValue = '';
    dialog.onclose = () => { if (dialog.returnValue === 'yes') go(); };
    dialog.showModal();
  }

  /** groups lists the reasons of failures, each with a button to retry its documents. */
  groups() {
    const { show, reason } = this.store.filter;
    const place = byId('groups');
    const list =
      show === 'failed'
        ? [...this.store.reasons].filter(([code]) => this.codes.errors[code]).sort((a, b) => b[1] - a[1])
        : [];
    place.hidden = list.length === 0;
    settle(place, ...list.map(([code, n]) => {
      const retry = this.may.retry && helps({ code }, this.codes.errors).retry !== '';
      return make(
        'div',
        { class: 'group', 'data-act': `group-${code}` },
        make(
          'button',
          {
            type: 'button',
            class: 'plain why',
            'data-act': 'why',
            'aria-pressed': reason === code,
            title: 'Show only these',
            onclick: () => this.filter({ reason: this.store.filter.reason === code ? '' : code }),
          },
          make('span', { class: 'count', text: n.toLocaleString('en') }),
          make('span', { text: this.codes.errors[code].says })
        ),
        retry
          ? make(
              'button',
              { type: 'button', 'data-act': 'group-retry', onclick: () => this.retry(this.store.failedFor(code)) },
              icon('again'),
              n === 1 ? 'Try again' : `Try all ${n.toLocaleString('en')} again`
            )
          : null
      );
    }));
  }
}
