// Elements, and the only place where a string becomes HTML.

/** make builds an element: make('p', {class: 'x', text: 'y', onclick: f}, child, …). Strings become text, never HTML.
 * */
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

// A change that moves the element under the pointer between press and release would lose the click, or pass it to
// another element, so changes that move things wait for the release.
let down = false;
const waiting = [];

/** pressed reports whether a mouse button or a finger is down. */
export const pressed = () => down;

/** released returns a promise that is fulfilled when nothing is pressed and the click has been handled. */
export const released = () => (down ? new Promise((ready) => waiting.push(ready)) : Promise.resolve());

function release() {
  down = false;
  for (const ready of waiting.splice(0)) ready();
}

/** lift handles a pointer's release, which precedes the click; with a finger by some milliseconds. */
const lift = (event) => setTimeout(release, event.pointerType === 'touch' ? 80 : 0);

window.addEventListener('pointerdown', () => { down = true; }, true);
for (const end of ['pointerup', 'pointercancel', 'dragend']) window.addEventListener(end, lift, true);
// scroll bars send no pointerup
window.addEventListener('pointermove', (e) => { if (down && e.buttons === 0) release(); });
window.addEventListener('blur', lift); // only the window's: an element's blur does not bubble

const svg = 'http://www.w3.org/2000/svg';

/** icon returns one of the symbols in index.html. */
export function icon(name, className) {
  const element = document.createElementNS(svg, 'svg');
  const use = document.createElementNS(svg, 'use');
  use.setAttribute('href', `#i-${name}`);
  element.setAttribute('aria-hidden', 'true');
  if (className) element.setAttribute('class', className);
  element.append(use);
  return element;
}

/** turnIcon changes the symbol of an icon. */
export function turnIcon(element, name) {
  element.firstChild.setAttribute('href', `#i-${name}`);
}

/** settle updates the children of an element to match the given ones, keeping existing elements: replacing one while it
 * is pressed would lose the click, and replacing the focused one the focus. Elements match by data-act or, without it,
 * by tag and class. A kept element keeps its listeners, so they must not depend on anything that changes. */
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
  return (
    a.dataset.act === b.dataset.act &&
    (a.dataset.act !== undefined || a.getAttribute('class') === b.getAttribute('class'))
  );
}

/** become updates a kept node to match the fresh one. */
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

const policy = window.trustedTypes
  ? window.trustedTypes.createPolicy('page-text', { createHTML: (s) => s })
  : { createHTML: (s) => s };

/** fill sets an element's content to the HTML of a page's text, which the server has sanitised. */
export function fill(element, html) {
  element.innerHTML = policy.createHTML(html);
}

export const byId = (id) => document.getElementById(id);

let timer;
/** say shows a sentence briefly, and announces it to screen readers. */
export function say(sentence) {
  const toast = byId('toast');
  toast.textContent = sentence;
  toast.classList.add('shown');
  clearTimeout(timer);
  timer = setTimeout(() => toast.classList.remove('shown'), 3500);
}

/** copyText copies a text. Browsers offer navigator.clipboard only over https and from the same machine. */
export async function copyText(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const focused = document.activeElement;
  const field = make('textarea', { readonly: true, 'aria-hidden': true });
  field.value = text;
  field.style.position = 'fixed'; // adding and focusing it scrolls nothing
  field.style.opacity = '0';
  document.body.append(field);
  field.select();
  const copied = document.execCommand('copy');
  field.remove();
  focused?.focus({ preventScroll: true });
  if (!copied) throw new Error('the browser does not allow it here. Download the text instead.');
}
