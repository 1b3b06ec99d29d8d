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
