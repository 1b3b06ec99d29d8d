// The documents as the page knows them, and which of them are shown.

/** Store keeps the newest summary of each document. */
export class Store {
  constructor() {
    this.documents = new Map();
    this.filter = { show: 'all', reason: '', search: '', words: [] };
    this.shown = []; // ids, newest first
    this.forget();
  }

  forget() {
    this.documents.clear();
    this.totals = {}; // by status, of all documents
    this.counts = {}; // by status, of those that search and reason leave
    this.reasons = new Map(); // of those that search and status leave
  }

  put(list) {
    for (const d of list) this.documents.set(d.id, d);
  }

  get(id) { return this.documents.get(id); }

  /** sort finds out what is shown, and counts. */
  sort() {
    const totals = {};
    const counts = {};
    const reasons = new Map();
    const shown = [];
    for (const d of this.documents.values()) {
      tally(totals, d);
      if (!this.named(d)) continue;
      const because = !this.filter.reason || this.reasonsOf(d).includes(this.filter.reason);
      if (because) tally(counts, d);
      if (!this.ofKind(d)) continue;
      for (const r of this.reasonsOf(d)) reasons.set(r, (reasons.get(r) ?? 0) + 1);
      if (because) shown.push(d);
    }
    shown.sort((a, b) => b.arrived - a.arrived || (a.id < b.id ? -1 : 1));
    this.totals = totals;
    this.counts = counts;
    this.reasons = reasons;
    this.shown = shown.map((d) => d.id);
  }

  reasonsOf(d) {
    const list = d.warnings ? [...d.warnings] : [];
    if (d.code && d.status !== 'done') list.push(d.code);
    return list;
  }

  ofKind(d) {
    const { show } = this.filter;
    return show === 'warnings' ? Boolean(d.warnings) : show === 'all' ? d.status !== 'deleted' : d.status === show;
  }

  named(d) {
    const { words } = this.filter;
    if (words.length === 0) return true;
    const name = d.name.toLowerCase();
    return words.every((w) => name.includes(w));
  }
}

function tally(counts, d) {
  const add = (kind) => { counts[kind] = (counts[kind] ?? 0) + 1; };
  add(d.status);
  if (d.status !== 'deleted') add('all');
  if (d.warnings) add('warnings');
}
