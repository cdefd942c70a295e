// Which model is played with.

import { el, fill } from "../dom.js";
import { command, thumbnail } from "../parts.js";
import { compact } from "../words.js";

/** The runs that can be played with, as cards; or what to do where there are none. */
export async function chooser(place, studio) {
  const { t } = studio;
  const { runs, others } = await studio.get("/api/play/");
  const cards = runs.map((run) => el("li", { class: "run" },
    thumbnail(run),
    el("div", { class: "about" }, el("h2", {}, el("a", { href: `/play/${encodeURIComponent(run.id)}` }, run.title)),
      el("p", { class: "soft path" }, run.path),
      el("p", { class: "soft" }, t("runs.images-done", { images: compact(run.images) })))));
  const empty = el("li", { class: "empty" }, el("h2", {}, t("play.empty")),
    el("p", {}, t(others ? "play.empty-others" : "play.empty-text")),
    command("saddle train dcgan --minutes 3", null, studio.say),
    el("a", { class: "button main", href: "/start" }, t("runs.new")));
  fill(place, el("div", { class: "names" }, el("h1", {}, t("play.title")), el("p", { class: "soft" }, t("play.about"))),
    el("ul", { class: "runs" }, cards.length ? cards : empty));
}

/** Selects of the run and of its checkpoint. */
export function selects(id, model, runs, studio, checkpoint) {
  const { t } = studio;
  const run = el("select", { "aria-label": t("play.run"), onchange: () => studio.go(`/play/${encodeURIComponent(run.value)}`) },
    runs.map((one) => el("option", { value: one.id, selected: one.id === id }, one.path)));
  const newest = model.checkpoints.length - 1;
  const point = el("select", { "aria-label": t("play.checkpoint"), onchange: () => checkpoint(point.selectedIndex === 0 ? "" : point.value) },
    model.checkpoints.map((one, index) => el("option", { value: one.name, selected: one.name === model.checkpoint },
      t(index === newest ? "play.newest" : "play.at-images", { images: compact(one.images) }))).reverse());
  return [run, point];
}
