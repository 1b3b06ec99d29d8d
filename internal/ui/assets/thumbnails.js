// Small pictures of first pages, for rows that stay visible.

import { icon, make } from './dom.js';

const still = 120; // milliseconds without scrolling before pictures are requested
const atOnce = 2; // a browser has six connections to a server, and an opened document needs some
const remembered = 5000;

/** Thumbnails fills in the pictures of rows. rows() returns the visible rows. */
export class Thumbnails {
  constructor(rows) {
    this.rows = rows;
    this.known = new Set(); // addresses of pictures; what has none may get one, and browsers remember what never will
    this.running = 0;
    this.moved = 0;
  }

  /** write shows the picture of a row if it is known, or else the icon. */
  write(row, d) {
    const address = d.status === 'deleted' ? '' : `/api/documents/${d.id}/thumbnail?generation=${d.generation}`;
    if (row.picture === address) return;
    row.picture = address;
    row.pictured = !address || this.known.has(address);
    row.parts.thumb.replaceChildren(icon('page'));
    if (this.known.has(address)) this.load(row);
  }

  /** look requests missing pictures once scrolling has stopped. */
  look(moved) {
    if (moved) this.moved = performance.now();
    if (this.timer) return;
    this.timer = setTimeout(() => {
      this.timer = 0;
      if (performance.now() - this.moved < still) this.look(false);
      else this.fetch();
    }, still);
  }

  fetch() {
    for (const row of this.rows()) {
      if (this.running >= atOnce) return;
      if (row.pictured) continue;
      row.pictured = true;
      this.running++;
      this.load(row).then(() => { this.running--; this.look(false); });
    }
  }

  /** load shows the picture in the row, if it could be loaded and is still the row's. */
  async load(row) {
    const address = row.picture;
    const image = make('img', { alt: '', src: address });
    const there = await image.decode().then(() => true, () => false);
    if (!there) return;
    if (this.known.size >= remembered) this.known.clear();
    this.known.add(address);
    if (row.picture === address) row.parts.thumb.replaceChildren(image);
  }
}
