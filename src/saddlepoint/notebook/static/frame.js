// The widget in the notebook's page: a frame in which a view of the studio runs. It has a page of its
// own; its modules come with the model, and nothing is loaded from anywhere.

const IMPORT = /(\bfrom\s+|\bimport\s+)"(\.[^"]+)"/g;

function render({ model, el }) {
  const frame = document.createElement("iframe");
  frame.title = "Saddlepoint";
  frame.style.cssText = `display: block; box-sizing: border-box; width: 100%; height: ${model.get("_height")}px; border: 1px solid #8886; border-radius: 10px; resize: vertical;`;
  const made = new Map();

  /** The address of a module, whose imports have addresses in their turn. */
  function module(name) {
    if (!made.has(name)) {
      const source = model.get("_modules")[name].replace(IMPORT, (whole, before, path) =>
        `${before}"${module(new URL(path, `http://localhost/${name}`).pathname.slice(1))}"`);
      made.set(name, URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    }
    return made.get(name);
  }

  frame.onload = () => {
    const page = frame.contentDocument;
    const language = model.get("_language");
    page.documentElement.lang = language;
    page.documentElement.dataset.theme = isDark(el) ? "dark" : "light";
    const style = page.createElement("style");
    style.textContent = model.get("_style");
    page.head.append(style);
    frame.contentWindow.saddlepoint = { model, view: module(`views/${model.get("_view")}.js`) };
    const script = page.createElement("script");
    script.type = "module";
    script.src = module("view.js");
    page.body.append(script);
  };
  frame.srcdoc = '<!doctype html><html><head><meta charset="utf-8"></head><body class="notebook"><main id="view" tabindex="-1"></main>'
    + '<div id="said" class="unseen" role="status" aria-live="polite"></div><div id="toasts" class="toasts"></div></body></html>';
  el.append(frame);
  return () => {
    frame.contentWindow?.saddlepoint?.leave?.();
    frame.remove();
    for (const address of made.values()) URL.revokeObjectURL(address);
  };
}

/** Whether the notebook has light text on a dark page. */
function isDark(el) {
  const [r, g, b] = getComputedStyle(el).color.match(/[\d.]+/g).map(Number);
  return 0.3 * r + 0.6 * g + 0.1 * b > 128;
}

export default { render };
