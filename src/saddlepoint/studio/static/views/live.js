// One run, watched while it trains.

import { el, fill } from "../dom.js";
import { draw } from "../plots.js";
import { count } from "../words.js";

export async function mount(place, studio) {
  const { t } = studio;
  const id = studio.rest[0];
  const base = `/api/live/${encodeURIComponent(id)}`;
  let run = await studio.get(base);

  const head = el("div", { class: "head" });
  const facts = el("dl", { class: "facts" });
  const film = grid(base, t);
  const curves = el("div", { class: "cards" });
  const log = el("pre", { class: "log", tabindex: "0", "aria-label": t("live.log") });
  const printed = el("section", {}, el("h2", {}, t("live.log")), log);

  function show() {
    fill(head, el("h1", {}, run.title), el("span", { class: `state ${run.state}` }, t(`runs.state-${run.state}`)));
    fill(facts, Object.entries(run.facts).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
    film.show(run.samples);
    log.textContent = run.log;
    printed.hidden = !run.log;
  }

  fill(place, head, facts,
    el("section", {}, el("h2", {}, t("live.samples")), film.place),
    el("section", {}, el("h2", {}, t("live.curves")), curves),
    printed);
  show();
  fill(curves, el("p", { class: "soft" }, t("live.drawing")));

  async function drawAll() {
    const figures = await studio.get(`${base}/figures`);
    await draw(curves, figures, t);
  }
  drawAll();

  let due = false;
  const ends = [
    studio.on("run", async (event) => {
      if (event.id !== id || due) return;
      due = true;
      run = await studio.get(base);
      show();
      await drawAll();
      due = false;
    }),
    studio.on("reset", async () => { run = await studio.get(base); show(); await drawAll(); }),
    film.stop,
  ];
  return () => ends.forEach((end) => end());
}

function grid(base, t) {
  let samples = [];
  let at = -1;
  let timer = null;
  const picture = el("img", { class: "grid" });
  const slider = el("input", { type: "range", min: 0, value: 0, "aria-label": t("live.history"),
    oninput: () => { stop(); go(Number(slider.value)); } });
  const when = el("output", { class: "soft" });
  const button = el("button", { onclick: () => (timer ? stop() : play()) }, t("live.play"));
  const none = el("p", { class: "soft" }, t("live.none"));
  const controls = el("div", { class: "film" }, button, slider, when);
  const place = el("div", { class: "samples" }, picture, controls, none);

  function go(index) {
    at = index;
    const sample = samples[at];
    slider.value = at;
    const images = count(sample.images);
    picture.src = `${base}/samples/${sample.name}`;
    picture.alt = t("live.grid", { images });
    when.textContent = t("live.at", { images });
    slider.setAttribute("aria-valuetext", when.textContent);
  }

  function play() {
    if (at === samples.length - 1) go(0);
    button.textContent = t("live.pause");
    timer = setInterval(() => {
      go(at + 1);
      if (at === samples.length - 1) stop();
    }, 350);
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    button.textContent = t("live.play");
  }

  function show(found) {
    const newest = at === samples.length - 1;
    samples = found;
    none.hidden = samples.length > 0;
    picture.hidden = controls.hidden = samples.length === 0;
    slider.max = Math.max(0, samples.length - 1);
    button.disabled = slider.disabled = samples.length < 2;
    if (samples.length && (newest || at >= samples.length)) go(samples.length - 1);
  }

  return { place, show, stop };
}
