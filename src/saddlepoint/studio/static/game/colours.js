// The page's colours for a canvas, which knows no custom properties.

const NAMES = ["real", "fake", "pull", "grid", "ground", "ink", "soft", "line", "accent"];
let known = null;
const listeners = new Set();

/** Name -> colour in the page's present theme; read once a theme. */
export function colours() {
  if (known) return known;
  const probe = document.createElement("span");
  document.getElementById("view").append(probe);
  known = {};
  for (const name of NAMES) {
    probe.style.color = `var(--${name})`;
    known[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  known.dark = rgb(known.ground)[0] < 128;
  return known;
}

/** Call when the theme has changed; returns what ends it. */
export function onTheme(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function changed() {
  known = null;
  for (const listener of listeners) listener();
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
new MutationObserver(changed).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });

/** Red, green and blue of `rgb(1, 2, 3)`, which is how a browser gives back any of our colours. */
export function rgb(colour) {
  return colour.match(/[\d.]+/g).slice(0, 3).map(Number);
}
