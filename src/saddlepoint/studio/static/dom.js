// Elements without a framework.

/**
 * An element: `el("a", {href: "/", onclick: f}, "text", child)`. A property that is null or false
 * is left out, and so is such a child. Text is never read as HTML.
 */
export function el(name, properties = {}, ...children) {
  const svg = ["svg", "path", "circle", "line", "rect", "g"].includes(name);
  const made = svg
    ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** Replace what is in an element. */
export function fill(place, ...children) {
  place.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return place;
}

const kept = new WeakMap();

/**
 * Show a list whose items change: what did not change stays as it is, with its focus, its scroll
 * and its pictures. `key(item)` names an item, `make(item)` makes its element.
 */
export function keep(place, items, key, make) {
  const old = kept.get(place) ?? new Map();
  const now = new Map();
  const focused = document.activeElement;
  let again = focused;
  for (const item of items) {
    const text = JSON.stringify(item);
    const before = old.get(key(item));
    const entry = before?.text === text ? before : { text, node: make(item) };
    if (before && entry !== before && before.node.contains(focused)) again = entry.node.querySelector(focused.matches("input") ? "input" : "a, button, summary");
    now.set(key(item), entry);
  }
  let next = place.firstChild;
  for (const { node } of now.values()) {
    if (node === next) next = next.nextSibling;
    else place.insertBefore(node, next);
  }
  while (next) {
    const gone = next;
    next = next.nextSibling;
    gone.remove();
  }
  kept.set(place, now);
  if (document.activeElement !== again) again?.focus({ preventScroll: true });
}
