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
