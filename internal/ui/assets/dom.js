// Elements, and the only place where a string becomes HTML.

/** make builds an element: make('p', {class: 'x', text: 'y', onclick: f}, child, …). Strings become text, never HTML. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || (value === false && !name.startsWith('aria-'))) continue;
    if (name.startsWith('aria-')) element.setAttribute(name, String(value));
    else if (name === 'text') element.textContent = value;
    else if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter((c) => c !== null && c !== undefined));
  return element;
}

// A change that moves what is under the pointer between press and release would lose the click, or give it to something else: what
// moves things waits until the release.
let down = false;
const waiting = [];

/** pressed reports whether a button of the mouse, or a finger, is down. */
export const pressed = () => down;

/** released is fulfilled when nothing is pressed, and what was pressed has been clicked. */
export const released = () => (down ? new Promise((ready) => waiting.push(ready)) : Promise.resolve());

function release() {
  down = false;
  for (const ready of waiting.splice(0)) ready();
}

/** lift comes before the click. That of a finger is some milliseconds later. */
const lift = (event) => setTimeout(release, event.pointerType === 'touch' ? 80 : 0);

window.addEventListener('pointerdown', () => { down = true; }, true);
for (const end of ['pointerup', 'pointercancel', 'dragend']) window.addEventListener(end, lift, true);
window.addEventListener('pointermove', (e) => { if (down && e.buttons === 0) release(); }); // a scroll bar tells of no release
window.addEventListener('blur', lift); // of the window alone: that of an element does not come here

const svg = 'http://www.w3.org/2000/svg';

/** icon draws one of the symbols of index.html. */
export function icon(name, className) {
  const element = document.createElementNS(svg, 'svg');
  const use = document.createElementNS(svg, 'use');
  use.setAttribute('href', `#i-${name}`);
  element.setAttribute('aria-hidden', 'true');
  if (className) element.setAttribute('class', className);
  element.append(use);
  return element;
}

/** turnIcon shows another symbol. */
export function turnIcon(element, name) {
  element.firstChild.setAttribute('href', `#i-${name}`);
}

/** settle makes the children of an element like the given ones and keeps those that it has: one that is replaced while it is
 * pressed loses the click, and one that has the focus loses that. The same are elements of one data-act, without it those of one tag
 * and class. One that is kept keeps its listeners too, so they may depend on nothing that changes. */
export function settle(element, ...wanted) {
  let at = element.firstChild;
  for (const want of wanted) {
    const fresh = typeof want === 'string' ? document.createTextNode(want) : want;
    let kept = at;
    while (kept && !same(kept, fresh)) kept = kept.nextSibling;
    if (!kept) {
      element.insertBefore(fresh, at);
      continue;
    }
    dropUntil(at, kept);
    become(kept, fresh);
    at = kept.nextSibling;
  }
  dropUntil(at, null);
}

function dropUntil(at, end) {
  while (at !== end) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function same(a, b) {
  if (a.nodeName !== b.nodeName) return false;
  if (!(a instanceof Element)) return true;
  return a.dataset.act === b.dataset.act && (a.dataset.act !== undefined || a.getAttribute('class') === b.getAttribute('class'));
}

/** become gives a kept node what the fresh one has. */
function become(kept, fresh) {
  if (!(kept instanceof Element)) {
    if (kept.data !== fresh.data) kept.data = fresh.data;
    return;
  }
  for (const name of kept.getAttributeNames()) if (!fresh.hasAttribute(name)) kept.removeAttribute(name);
  for (const name of fresh.getAttributeNames()) {
    if (kept.getAttribute(name) !== fresh.getAttribute(name)) kept.setAttribute(name, fresh.getAttribute(name));
  }
  if (kept.localName === 'input' && kept !== document.activeElement) kept.value = fresh.value;
  settle(kept, ...fresh.childNodes);
}

const policy = window.trustedTypes ? window.trustedTypes.createPolicy('page-text', { createHTML: (s) => s }) : { createHTML: (s) => s };

/** fill puts the HTML of a page's text into an element. The server made it and took out what is not harmless. */
export function fill(element, html) {
  element.innerHTML = policy.createHTML(html);
}

export const byId = (id) => document.getElementById(id);

let timer;
/** say shows a sentence for a moment, and to screen readers. */
export function say(sentence) {
  const toast = byId('toast');
  toast.textContent = sentence;
  toast.classList.add('shown');
  clearTimeout(timer);
  timer = setTimeout(() => toast.classList.remove('shown'), 3500);
}
