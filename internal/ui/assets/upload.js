// Files that are dropped, chosen or pasted go into the folder, a few at a time.

import { byId, make } from './dom.js';
import { size } from './words.js';

const atOnce = 3;
const kept = 4000; // milliseconds that a finished file stays in the tray

/** Upload sends files. server() gives the last hello. */
export class Upload {
  constructor(server) {
    this.server = server;
    this.waiting = [];
    this.running = 0;
    this.tray = byId('tray');
    this.listen();
  }

  listen() {
    const drop = byId('drop');
    let depth = 0;
    const over = (event) => {
      if (!event.dataTransfer?.types.includes('Files')) return false;
      event.preventDefault();
      return Boolean(this.server()?.upload);
    };
    window.addEventListener('dragenter', (e) => { if (over(e)) { depth++; drop.hidden = false; } });
    window.addEventListener('dragover', over);
    window.addEventListener('dragleave', () => { depth = Math.max(0, depth - 1); if (depth === 0) drop.hidden = true; });
    window.addEventListener('drop', (e) => {
      depth = 0;
      drop.hidden = true;
      if (over(e)) this.dropped(e.dataTransfer);
    });
    window.addEventListener('paste', (e) => { if (this.server()?.upload && e.clipboardData.files.length) this.addAll(e.clipboardData.files); });
    byId('add').addEventListener('click', () => byId('files').click());
    byId('files').addEventListener('change', (e) => { this.addAll(e.target.files); e.target.value = ''; });
  }

  addAll(files) { for (const f of files) this.add(f.name, f); }

  dropped(transfer) {
    for (const part of [...transfer.items].filter((i) => i.kind === 'file')) {
      const entry = part.webkitGetAsEntry?.();
      if (entry?.isDirectory) this.walk(entry, '');
      else this.add(part.getAsFile().name, part.getAsFile());
    }
  }

  /** walk adds what lies in a dropped folder, without what is hidden. */
  walk(entry, above) {
    if (entry.name.startsWith('.')) return;
    if (entry.isFile) {
      entry.file((f) => this.add(above + f.name, f));
      return;
    }
    const reader = entry.createReader();
    const more = () => reader.readEntries((list) => {
      list.forEach((e) => this.walk(e, `${above}${entry.name}/`));
      if (list.length) more();
    });
    more();
  }

  add(name, file) {
    const said = make('p', { class: 'said', text: 'waits' });
    const bar = make('progress', { max: 1, value: 0, 'aria-label': name });
    const element = make('div', { class: 'file' }, make('p', { class: 'name', text: name, title: name }), bar, said);
    const one = { name, file, said, bar, element };
    this.tray.append(element);
    this.tray.hidden = false;
    if (file.size > this.server().maxBytes) this.wrong(one, `It is larger than ${size(this.server().maxBytes)}, the most that is read.`);
    else this.queue(one);
  }

  queue(one) {
    this.waiting.push(one);
    this.next();
  }

  next() {
    while (this.running < atOnce && this.waiting.length) this.send(this.waiting.shift());
  }

  /** send uses XMLHttpRequest because fetch does not tell how far it is. */
  send(one) {
    this.running++;
    one.said.textContent = 'is sent';
    const request = new XMLHttpRequest();
    request.open('POST', `/api/files?name=${encodeURIComponent(one.name)}${one.replace ? '&replace=yes' : ''}`);
    request.setRequestHeader('X-Bucketocr-Token', this.server().token);
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.upload.onprogress = (e) => { if (e.lengthComputable) one.bar.value = e.loaded / e.total; };
    request.onloadend = () => {
      this.running--;
      this.answered(one, request);
      this.next();
    };
    request.send(one.file);
  }

  answered(one, request) {
    if (request.status === 200) {
      one.bar.value = 1;
      one.said.textContent = 'added';
      setTimeout(() => this.remove(one), kept);
      return;
    }
    let sentence = 'bucketocr does not answer: is it still running?';
    try { sentence = JSON.parse(request.responseText).error; } catch { /* no answer of ours */ }
    if (request.status === 409 && !one.replace) this.conflict(one, sentence);
    else this.wrong(one, sentence);
  }

  conflict(one, sentence) {
    const again = (change) => () => { choices.remove(); one.element.classList.remove('wrong'); change(); this.queue(one); };
    const choices = make('div', { class: 'choices' },
      make('button', { type: 'button', text: 'Keep both', onclick: again(() => { one.name = beside(one.name); }) }),
      make('button', { type: 'button', text: 'Replace it', onclick: again(() => { one.replace = true; }) }),
      make('button', { type: 'button', text: 'Skip', onclick: () => this.remove(one) }));
    one.said.textContent = sentence;
    one.element.append(choices);
    choices.firstChild.focus();
  }

  wrong(one, sentence) {
    one.element.classList.add('wrong');
    one.said.textContent = sentence;
    one.bar.remove();
    one.element.append(make('div', { class: 'choices' }, make('button', { type: 'button', text: 'Close', onclick: () => this.remove(one) })));
  }

  remove(one) {
    one.element.remove();
    this.tray.hidden = this.tray.childElementCount === 0;
  }
}

/** beside is the next free-looking name: "a (2).png" after "a.png". */
function beside(name) {
  const [, stem, number, extension] = /^(.*?)(?: \((\d+)\))?(\.[^./]*)?$/s.exec(name);
  return `${stem} (${Number(number ?? 1) + 1})${extension ?? ''}`;
}
