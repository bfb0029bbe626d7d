// Makes elements. Text is always set as text, never as HTML: topics, values and units are data.

const SVG = "http://www.w3.org/2000/svg";

/** Returns an element. `props` are attributes; `class`, `text` and `on` (listeners) are special. */
export function el(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** Returns an SVG element. */
export function svg(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "text") element.textContent = value;
    else if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
}

/** Sets the text of an element if it differs: an unchanged one is not laid out again. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets or removes a class. */
export function setClass(element, name, isSet) {
  element.classList.toggle(name, Boolean(isSet));
}
