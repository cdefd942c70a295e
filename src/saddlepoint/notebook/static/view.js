// In place of the studio's studio.js: one view, in a frame of a notebook.

import { el, fill } from "./dom.js";
import { say, toast } from "./notices.js";
import { addressed, close, get, on, post, tab } from "./server.js";
import { language, t } from "./words.js";

const { model, view } = globalThis.saddlepoint;
const place = document.getElementById("view");

const studio = {
  get, post, on, tab, t, language, say, toast,
  go: () => toast(t("notebook.elsewhere")),
  get rest() { return [model.get("_rest")]; },
  get link() { return model.get("script"); },
  get query() { return new URLSearchParams(model.get("script")); },
  setQuery() {},
  remember(address) {
    model.set("script", address.split("?")[1] ?? "");
    model.save_changes();
  },
};

// A link leads to a file, which is asked for here, or to another view, which only the studio has.
document.addEventListener("click", async (event) => {
  const link = event.target.closest?.("a[href^='/']");
  if (!link) return;
  event.preventDefault();
  if (!link.download) studio.go();
  else el("a", { href: await addressed(link.getAttribute("href")), download: link.download }).click();
});

let ended = false;
let leave = close;
globalThis.saddlepoint.leave = () => { ended = true; leave(); };

async function show() {
  place.dataset.view = model.get("_view");
  const undo = await (await import(view)).mount(place, studio);
  const all = () => { undo?.(); close(); };
  if (ended) all();
  leave = all;
}

// A run that is watched before it begins.
const address = `/api/live/${encodeURIComponent(model.get("_rest"))}`;
if (model.get("_view") === "live" && !model.get("_known")[address]) {
  fill(place, el("p", { class: "soft" }, t("notebook.waiting")));
  await new Promise((resolve) => {
    const end = on("run", () => { end(); resolve(); });
  });
}
if (!ended) await show();
