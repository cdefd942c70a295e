// The way from one image to another and back: a strip, and a film of it.

import { el, fill } from "../dom.js";
import { drawn, loaded, paint, reproduced } from "./sheet.js";

const MILLISECONDS = 80;

export function walk(model, t, say) {
  const title = el("h2", { id: "walk" }, t("play.walk"));
  const ends = el("p", {});
  const strip = el("div", { class: "strip", role: "img", "aria-label": t("play.walk") });
  const film = drawn("-", "film-frame");
  const button = el("button", { type: "button", onclick: () => (timer ? stop() : play()) }, t("play.play"));
  const slider = el("input", { type: "range", min: 0, value: 0, "aria-label": t("play.frame"), oninput: () => { stop(); go(Number(slider.value)); } });
  const links = Object.fromEntries(["gif", "mp4", "png"].map((kind) =>
    [kind, el("a", { class: "button", download: `walk.${kind}` }, t(`play.keep-${kind}`))]));
  const same = reproduced(t("play.same-film"), "walk", t, say);
  const place = el("section", { class: "panel walk", "aria-labelledby": "walk" },
    el("div", { class: "head" }, title, ends),
    el("div", { class: "walk-stage" }, el("div", { class: "walk-film" }, film, button), el("div", { class: "walk-way" }, strip, slider)),
    el("div", { class: "presses" }, links.gif, model.video ? links.mp4 : null, links.png),
    model.video ? null : el("p", { class: "soft" }, t("play.no-video"), " ", el("code", {}, "pip install 'saddlepoint[video]'")),
    same.place);
  let image = null;
  let frames = 0;
  let at = 0;
  let timer = null;
  let cells = [];

  async function show(answer, names, address) {
    image = await loaded(answer.sheet);
    frames = answer.frames;
    const half = frames / 2;
    // Every second frame on the way there: what comes after it is the way back.
    const shown = Array.from({ length: half / 2 + 1 }, (_, i) => 2 * i);
    if (cells.length !== shown.length) {
      cells = shown.map((frame) => ({ frame, canvas: drawn() }));
      fill(strip, cells.map((cell) => cell.canvas));
    }
    for (const { frame, canvas } of cells) paint(canvas, image, frame, model.shape);
    ends.textContent = t("play.from-to", names);
    strip.setAttribute("aria-label", t("play.strip", { n: cells.length, ...names }));
    film.setAttribute("aria-label", t("play.from-to", names));
    slider.max = half;
    for (const [kind, link] of Object.entries(links)) link.href = address(kind);
    same.say(answer.command, answer.command.includes("--latents ") ? address("npz") : "");
    go(at);
  }

  function go(frame) {
    if (!image) return;
    at = frame % frames;
    const there = Math.min(at, frames - at);
    paint(film, image, at, model.shape);
    slider.value = there;
    slider.setAttribute("aria-valuetext", t("play.frame-of", { n: there, most: frames / 2 }));
    cells.forEach((cell) => cell.canvas.classList.toggle("now", Math.abs(cell.frame - there) < 1));
  }

  function play() {
    button.textContent = t("play.pause");
    timer = setInterval(() => go(at + 1), MILLISECONDS);
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    button.textContent = t("play.play");
  }

  return { place, show, stop };
}
