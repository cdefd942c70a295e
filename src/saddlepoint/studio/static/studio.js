// The frame of every view: which one is shown, what it stands on, and the tools at the top right.

import { el, fill } from "./dom.js";
import { say, toast, told } from "./notices.js";
import { close, get, on, post, tab } from "./server.js";
import { language, languages, t } from "./words.js";

const place = document.getElementById("view");
const menu = document.getElementById("menu");
let leave = null;
let shown = null;

/** What `mount(place, studio)` of a view's module is given. */
const studio = {
  get, post, on, tab, t, language, go, say, toast,
  /** The parts of the address behind the view's name. */
  get rest() { return parts().slice(1); },
  /** The address, as it is handed on; `remember` changes it without loading anything. */
  get link() { return location.href; },
  remember(address) { history.replaceState(null, "", address); },
  /** The query of the address; `setQuery` changes it without loading anything. */
  get query() { return new URLSearchParams(location.search); },
  setQuery(values) {
    const query = studio.query;
    for (const [name, value] of Object.entries(values)) {
      if (value === null || value === "") query.delete(name);
      else query.set(name, value);
    }
    const text = query.toString();
    studio.remember(location.pathname + (text ? `?${text}` : ""));
  },
};

function parts() {
  return location.pathname.split("/").filter(Boolean).map(decodeURIComponent);
}

/** Go to another address of the studio without loading the page again. */
export function go(address) {
  history.pushState(null, "", address);
  show(true);
}

async function show(moved = false) {
  const name = parts()[0];
  const mine = (shown = {});
  leave?.();
  leave = null;
  for (const link of menu.children) {
    if (link.dataset.view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${t(`${name}.title`)} · Saddlepoint`;
  fill(place);
  place.dataset.view = name;
  try {
    const view = await import(`./views/${name}.js`);
    if (shown !== mine) return;
    const undo = await view.mount(place, studio);
    // Somebody may have gone on while the view was being read.
    if (shown === mine) leave = undo ?? null;
    else undo?.();
  } catch (error) {
    if (shown === mine) fill(place, problem(error));
  }
  if (moved) place.focus({ preventScroll: true });
}

function problem(error) {
  return el("section", { class: "empty", role: "alert" },
    el("h1", {}, t("studio.problem")),
    el("p", {}, told(error)),
    el("button", { onclick: () => location.reload() }, t("studio.again")));
}

function tools() {
  const keep = (name, value) => {
    document.cookie = `${name}=${value}; path=/; max-age=31536000; samesite=strict`;
  };
  const theme = document.documentElement.dataset.theme;
  const choose = (label, options, value, change) =>
    el("select", { "aria-label": label, title: label, onchange: (event) => change(event.target.value) },
      ...options.map(([key, name]) => el("option", { value: key, selected: key === value }, name)));
  return [
    choose(t("studio.theme"), ["auto", "light", "dark"].map((one) => [one, t(`studio.theme-${one}`)]),
      theme, (value) => { keep("theme", value); document.documentElement.dataset.theme = value; }),
    choose(t("studio.language"), languages, language,
      (value) => { keep("language", value); location.reload(); }),
  ];
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href^='/']");
  const plain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  if (!link || !plain || link.target || link.hasAttribute("download")) return;
  event.preventDefault();
  go(link.getAttribute("href") === "/" ? menu.firstElementChild.getAttribute("href") : link.href);
});
addEventListener("popstate", () => show());
addEventListener("pagehide", close);
fill(document.getElementById("tools"), ...tools());
show();
