// The documents as the page knows them, and which of them are shown.

/** Store keeps the newest summary of each document. */
export class Store {
  constructor() {
    this.documents = new Map();
    this.filter = { show: 'all', reason: '', words: [] };
    this.shown = []; // ids, newest first
    this.forget();
  }

  forget() {
    this.documents.clear();
    this.counts = {};
    this.reasons = new Map();
  }

  put(list) {
    for (const d of list) this.documents.set(d.id, d);
  }

  get(id) { return this.documents.get(id); }

  /** sort finds anew what is shown and counts what there is. */
  sort() {
    const counts = { all: 0, processing: 0, retrying: 0, done: 0, failed: 0, deleted: 0, warnings: 0 };
    const reasons = new Map();
    const shown = [];
    for (const d of this.documents.values()) {
      counts[d.status] = (counts[d.status] ?? 0) + 1;
      if (d.status !== 'deleted') counts.all++;
      if (d.warnings) counts.warnings++;
      for (const r of this.reasonsOf(d)) reasons.set(r, (reasons.get(r) ?? 0) + 1);
      if (this.matches(d)) shown.push(d);
    }
    shown.sort((a, b) => b.arrived - a.arrived || (a.id < b.id ? -1 : 1));
    this.counts = counts;
    this.reasons = reasons;
    this.shown = shown.map((d) => d.id);
  }

  reasonsOf(d) {
    const list = d.warnings ? [...d.warnings] : [];
    if (d.code && d.status !== 'done') list.push(d.code);
    return list;
  }

  matches(d) {
    const { show, reason, words } = this.filter;
    if (show === 'warnings' ? !d.warnings : show === 'all' ? d.status === 'deleted' : d.status !== show) return false;
    if (reason && !this.reasonsOf(d).includes(reason)) return false;
    if (words.length === 0) return true;
    const name = d.name.toLowerCase();
    return words.every((w) => name.includes(w));
  }
}
