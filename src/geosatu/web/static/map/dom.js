// Building pieces of the page. Text goes in as text, so nothing in the data can become markup.

const SVG = document.querySelector("svg").namespaceURI;

/** An element with its attributes and children; strings become text. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** An icon of the page's sprite. */
export function icon(name) {
  const made = document.createElementNS(SVG, "svg");
  made.setAttribute("class", "icon");
  made.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#icon-${name}`);
  made.append(use);
  return made;
}

/** A button that shows an icon only; its name is read aloud and shown on hover. */
export function iconButton(name, title) {
  const button = element("button", { type: "button", class: "icon-button", title, "aria-label": title });
  button.append(icon(name));
  return button;
}

const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Text for the few places where Leaflet takes HTML. */
export function escaped(text) {
  return String(text).replace(/[&<>"']/g, (sign) => ENTITIES[sign]);
}
