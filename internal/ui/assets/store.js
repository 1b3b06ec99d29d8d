// The documents that the page knows, and the selection and order of those shown.

import { fold, sortKey } from './words.js';

/** orders are the sort orders of the list. Each compares two documents, ascending; a minus before its name reverses it.
 * */
const places = { failed: 0, retrying: 1, processing: 2, done: 3, deleted: 4 };
const place = (d) => places[d.status] * 2 + (d.warnings ? 0 : 1);
const orders = {
  added: (a, b) => a.arrived - b.arrived,
  name: (a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0),
  pages: (a, b) => a.pages - b.pages,
  status: (a, b) => place(a) - place(b),
};
export const newest = '-added';

/** isOrder reports whether a name is that of an order. */
export const isOrder = (sort) => Object.hasOwn(orders, sort.replace(/^-/, ''));

function comparer(sort) {
  const compare = orders[sort.replace(/^-/, '')];
  const sign = sort.startsWith('-') ? -1 : 1;
  return (a, b) => sign * compare(a, b) || b.arrived - a.arrived || (a.id < b.id ? -1 : 1);
}

/** Store keeps the newest summary of each document. */
export class Store {
  constructor() {
    this.documents = new Map();
    this.filter = { show: 'all', reason: '', search: '', words: [], sort: newest };
    this.hits = new Map(); // by ID: the lines found by the search
    this.shown = []; // IDs, in order
    this.newest = 0; // how many documents are kept, those created last; 0: all
    this.forget();
  }

  forget() {
    this.documents.clear();
    this.order = []; // all documents in their last order, which makes sorting them again cheap
    this.totals = {}; // by status, of all documents
    this.counts = {}; // by status, of those that match search and reason
    this.reasons = new Map(); // of those that match search and status
  }

  put(list) {
    for (const d of list) {
      const old = this.documents.get(d.id);
      d.folded = old?.name === d.name ? old.folded : fold(d.name);
      d.key = old?.name === d.name ? old.key : sortKey(d.folded);
      d.at = old?.at ?? this.order.length;
      this.order[d.at] = d;
      this.documents.set(d.id, d);
    }
  }

  get(id) { return this.documents.get(id); }

  /** displace removes the documents that are no longer among the newest, by the same rule as the server. */
  displace() {
    if (!this.newest || this.order.length <= this.newest) return;
    this.order.sort((a, b) => b.created - a.created || (a.id < b.id ? 1 : -1));
    for (const d of this.order.splice(this.newest)) this.documents.delete(d.id);
  }

  /** sort computes the documents shown and the counts. */
  sort() {
    this.displace();
    const totals = {};
    const counts = {};
    const reasons = new Map();
    const shown = [];
    this.order.sort(comparer(this.filter.sort));
    this.order.forEach((d, at) => {
      d.at = at;
      tally(totals, d);
      if (!this.found(d)) return;
      const because = !this.filter.reason || this.reasonsOf(d).includes(this.filter.reason);
      if (because) tally(counts, d);
      if (!this.ofKind(d)) return;
      for (const r of this.reasonsOf(d)) reasons.set(r, (reasons.get(r) ?? 0) + 1);
      if (because) shown.push(d.id);
    });
    this.totals = totals;
    this.counts = counts;
    this.reasons = reasons;
    this.shown = shown;
  }

  reasonsOf(d) {
    if (!d.warnings && !d.code) return none;
    const list = d.warnings ? [...d.warnings] : [];
    if (d.code && d.status !== 'done') list.push(d.code);
    return list;
  }

  ofKind(d) {
    const { show } = this.filter;
    return show === 'warnings' ? Boolean(d.warnings) : show === 'all' ? d.status !== 'deleted' : d.status === show;
  }

  /** failedFor returns the documents that failed for a reason and match the search. */
  failedFor(code) { return this.order.filter((d) => d.status === 'failed' && d.code === code && this.found(d)); }

  /** found reports whether a document matches the search, by its name or in its text. */
  found(d) {
    const { words } = this.filter;
    return words.length === 0 || this.named(d) || (this.hits.has(d.id) && d.status === 'done');
  }

  named(d) {
    return this.filter.words.every(
      (w) => d.folded.includes(w) || (w.startsWith('gs://') && fold(`gs://${d.bucket}/${d.name}`).startsWith(w))
    );
  }
}

const none = [];

function tally(counts, d) {
  const add = (kind) => { counts[kind] = (counts[kind] ?? 0) + 1; };
  add(d.status);
  if (d.status !== 'deleted') add('all');
  if (d.warnings) add('warnings');
}
