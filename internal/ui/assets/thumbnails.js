// Small pictures of first pages, for the rows that stay in sight.

import { icon, make } from './dom.js';

const still = 120; // milliseconds that the list rests before pictures are asked for
const atOnce = 2; // a browser has six connections to a server, and what is opened needs some
const remembered = 5000;

/** Thumbnails fills the pictures of rows. rows() gives the rows in sight. */
export class Thumbnails {
  constructor(rows) {
    this.rows = rows;
    this.known = new Map(); // by address: whether there is one
    this.running = 0;
    this.moved = 0;
  }

  /** write shows the picture of a row that is known, else the icon. */
  write(row, d) {
    const address = d.status === 'deleted' ? '' : `/api/documents/${d.id}/thumbnail?generation=${d.generation}`;
    if (row.picture === address) return;
    row.picture = address;
    row.pictured = !address || this.known.has(address);
    row.parts.thumb.replaceChildren(icon('page'));
    if (this.known.get(address)) this.load(row);
  }

  /** look asks for the pictures that are missing, once the list rests. */
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

  /** load puts the picture into the row, if it has come and is still the row's. */
  async load(row) {
    const address = row.picture;
    const image = make('img', { alt: '', src: address });
    const there = await image.decode().then(() => true, () => false);
    if (this.known.size >= remembered) this.known.clear();
    this.known.set(address, there);
    if (there && row.picture === address) row.parts.thumb.replaceChildren(image);
  }
}
