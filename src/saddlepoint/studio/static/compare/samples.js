// Samples of the same seeds from each run, side by side.

import { el, fill } from "../dom.js";
import { told } from "../notices.js";
import { count } from "../words.js";
import { trace } from "./choose.js";

/** The grids of one seed, side by side. */
export function samples(studio, answer) {
  const { t } = studio;
  let seed = Math.max(0, Math.trunc(Number(studio.query.get("seed"))) || 0);
  const input = el("input", { type: "number", id: "seed", min: 0, step: 1, value: seed, onchange: () => go(Number(input.value)) });
  const which = el("p", { class: "soft" });
  const grids = el("div", { class: "grids" });
  const form = el("form", { class: "seeds", onsubmit: (event) => { event.preventDefault(); go(Number(input.value)); } },
    el("label", { for: "seed" }, t("compare.seed")), input,
    el("button", { type: "button", onclick: () => go(seed + shown(answer())) }, t("compare.others")));
  const place = el("section", { "aria-label": t("compare.samples") }, el("h2", {}, t("compare.samples")), form, which, grids);

  function go(wanted) {
    if (wanted === seed) return;
    seed = Math.max(0, Math.trunc(wanted) || 0);
    input.value = seed;
    studio.setQuery({ seed: seed || "" });
    draw();
  }

  let asked = 0;
  function draw() {
    const mine = ++asked;
    const { runs } = answer();
    fill(which, explained(answer(), seed, t));
    fill(grids, runs.map((run) => {
      const picture = el("div", { class: "picture" }, el("p", { class: "soft" }, t(run.checkpoint === false ? "compare.no-checkpoint" : "compare.drawing")));
      const caption = el("span", { class: "soft" });
      if (run.checkpoint !== false) {
        studio.get(`/api/compare/${encodeURIComponent(run.id)}/samples?seed=${seed}`).then((drawn) => {
          if (mine !== asked) return;
          const images = count(drawn.images);
          fill(picture, el("img", { class: "grid", src: drawn.picture, alt: t("compare.grid", { name: run.path, seed, images }) }));
          caption.textContent = t("live.at", { images });
        }).catch((error) => { if (mine === asked) fill(picture, el("p", { class: "bad" }, told(error))); });
      }
      return el("figure", { class: "card" }, picture, el("figcaption", {}, trace(run), el("b", {}, run.path), " ", caption));
    }));
  }

  return { place, draw };
}

// How many seeds a grid shows.
function shown({ runs, n_images, n_points }) {
  return runs.some((run) => !run.points) ? n_images : n_points;
}

function explained(answer, seed, t) {
  const { runs } = answer;
  const said = [t(runs.some((run) => !run.points) ? "compare.same" : "compare.same-points", { first: seed, last: seed + shown(answer) - 1 })];
  const lengths = [...new Set(runs.map((run) => run.latent_dim).filter(Boolean))];
  if (lengths.length > 1) said.push(t("compare.lengths", { lengths: lengths.join(", ") }));
  if (runs.some((run) => run.conditioned)) said.push(t("compare.labels"));
  return said.join(" ");
}
