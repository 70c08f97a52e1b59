/** Builds and changes elements. Text is always set as text: nothing that comes from the cluster can become markup. */

/** @typedef {Node | string | null | false} Child */

/**
 * An element. `class` and attributes by name; `on*` are listeners; false and null leave an attribute out.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, string | boolean | null | ((event: any) => void)>} [attributes]
 * @param {Child[]} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else set(element, name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== false));
  return element;
}

/**
 * Sets an attribute, or takes it away with null or false; does nothing if it is so already.
 * @param {Element} element
 * @param {string} name
 * @param {string | boolean | null} value
 */
export function set(element, name, value) {
  if (value === null || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const text = value === true ? '' : value;
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/**
 * Sets an element's text; does nothing if it is so already, so that a screen reader is not told twice.
 * @param {Element} element
 * @param {string} text
 */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const svg = 'http://www.w3.org/2000/svg';

/**
 * One of the shapes that index.html defines. For the eye: the words beside it say the same.
 * @param {string} kind
 */
export function glyph(kind) {
  const picture = document.createElementNS(svg, 'svg');
  picture.setAttribute('class', 'glyph');
  picture.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(svg, 'use');
  use.setAttribute('href', `#g-${kind}`);
  picture.append(use);
  return picture;
}

/**
 * @param {Element} picture what `glyph` made
 * @param {string} kind
 */
export function setGlyph(picture, kind) {
  const use = picture.firstElementChild;
  if (use !== null) set(use, 'href', `#g-${kind}`);
}

/**
 * Makes a list's children those of the keys, in their order, and touches only what differs, so that focus and scrolling stay.
 * @template T
 * @param {Element} parent
 * @param {readonly T[]} items
 * @param {(item: T) => string} keyOf
 * @param {(item: T) => HTMLElement} make
 */
export function keyed(parent, items, keyOf, make) {
  /** @type {Map<string, HTMLElement>} */
  const old = new Map();
  for (const child of parent.children)
    if (child instanceof HTMLElement) old.set(child.dataset.key ?? '', child);
  let at = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let child = old.get(key);
    old.delete(key);
    if (child === undefined) {
      child = make(item);
      child.dataset.key = key;
    }
    if (child === at) at = at.nextElementSibling;
    else parent.insertBefore(child, at);
  }
  for (const child of old.values()) child.remove();
}

/**
 * The element of index.html with this id.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`index.html has no ${id}`);
  return element;
}
