// A picture of one's own: the latent that comes nearest to it is looked for, and watched meanwhile.

import { el, fill } from "../dom.js";
import { told } from "../notices.js";
import { command } from "../parts.js";
import { number } from "../words.js";
import { drawn, loaded, paint } from "./sheet.js";

const EVERY = 250;
const MOST_BYTES = 20 * 2 ** 20;
const [WIDE, HIGH] = [320, 120];

/** `found({latent, label})` when there is a latent to go on from; `drop()` when it is taken away. */
export function upload(id, checkpoint, model, studio, { found, drop, has }) {
  const { t } = studio;
  const input = el("input", { type: "file", accept: "image/*", id: "picture", class: "unseen", onchange: () => { begin(input.files[0]); input.value = ""; } });
  const stop = el("button", { type: "button", onclick: end }, t("studio.stop"));
  const away = el("button", { type: "button", onclick: () => { drop(); show(); } }, t("play.drop"));
  const stage = el("div", { class: "search" });
  const trouble = el("p", { class: "bad", role: "alert" });
  const place = el("section", { class: "panel upload", "aria-labelledby": "upload" },
    el("h2", { id: "upload" }, t("play.upload")), el("p", { class: "soft" }, t("play.upload-text")),
    el("div", { class: "presses" }, input, el("label", { class: "button", for: "picture" }, t("play.choose-picture")), stop, away),
    trouble, stage);
  place.addEventListener("dragover", (event) => { event.preventDefault(); place.classList.add("over"); });
  place.addEventListener("dragleave", () => place.classList.remove("over"));
  place.addEventListener("drop", (event) => {
    event.preventDefault();
    place.classList.remove("over");
    if (event.dataTransfer.files[0]) begin(event.dataTransfer.files[0]);
  });
  let search = null;
  let ended = false;

  function show() {
    stop.hidden = !search;
    away.hidden = !has();
  }

  async function begin(file) {
    await end();
    search = null;
    trouble.textContent = "";
    fill(stage, el("p", { class: "soft", role: "status" }, t("play.sending")));
    let mine = null;
    try {
      if (file.size > MOST_BYTES) throw new Error(t("play.too-large", { n: MOST_BYTES / 2 ** 20 }));
      const query = new URLSearchParams({ name: file.name, ...(checkpoint() ? { checkpoint: checkpoint() } : {}) });
      const answer = await studio.post(`/api/play/${encodeURIComponent(id)}/project?${query}`, file.slice());
      search = mine = answer.search;
      show();
      await follow(answer);
    } catch (error) {
      if (search !== mine) return;
      fill(stage);
      fill(trouble, told(error));
    }
    // Another picture may have been chosen while this search came to its end.
    if (search === mine) search = null;
    show();
  }

  async function follow({ search: mine, given, notes }) {
    const view = await watched(given, notes);
    let answer;
    do {
      answer = await studio.get(`/api/play/-search/${mine}`);
      if (ended || search !== mine) return;
      await view(answer);
      await new Promise((done) => setTimeout(done, EVERY));
    } while (["learning", "searching"].includes(answer.state));
    if (answer.state === "failed") {
      fill(stage);
      fill(trouble, told(answer.error));
    }
    if (answer.state === "found") {
      found(answer);
      studio.say(t("play.found", { n: number(answer.apart, 3) }));
    }
  }

  /** The given picture, the image that comes nearer to it, and the curve of how far it still is. */
  async function watched(given, notes) {
    const [left, right] = [drawn(t("play.given")), drawn(t("play.now"))];
    const blank = await loaded(given);
    for (const canvas of [right, left]) paint(canvas, blank, 0, model.shape);
    right.getContext("2d").clearRect(0, 0, right.width, right.height);
    const words = el("p", { role: "status" });
    const line = el("path", { class: "curve", d: "" });
    const most = el("span", { class: "most" });
    const chart = el("div", { class: "chart" }, most,
      el("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", role: "img", "aria-label": t("play.curve") }, line),
      el("p", { class: "soft" }, t("play.curve")));
    const same = command("", t("play.same-projection"), studio.say);
    same.hidden = true;
    fill(stage,
      el("figure", {}, left, el("figcaption", {}, t("play.given"))),
      el("figure", {}, right, el("figcaption", {}, t("play.now"))),
      el("div", { class: "search-about" }, words,
        notes.map((note) => el("p", { class: "soft" }, told(note))), chart, same));

    return async (answer) => {
      const { curve, of } = answer;
      const now = curve.length ? number(curve.at(-1), 3) : "";
      words.textContent = answer.state === "learning" ? t("play.learning")
        : answer.state === "found" ? t("play.found", { n: now })
          : answer.state === "stopped" ? t("play.stopped")
            : !curve.length ? t("play.begins") : t("play.step", { n: Math.min(curve.length, of), of, apart: now });
      if (answer.image) paint(right, await loaded(answer.image), 0, model.shape);
      const top = Math.max(...curve, 1);
      most.textContent = number(top, 3);
      line.setAttribute("d", curve.map((value, i) => `${i ? "L" : "M"}${((WIDE * i) / of).toFixed(1)} ${(HIGH * (1 - value / top)).toFixed(1)}`).join(""));
      if (answer.command) {
        same.say(answer.command);
        same.hidden = false;
      }
    };
  }

  async function end() {
    if (!search) return;
    const mine = search;
    await studio.post(`/api/play/-search/${mine}/stop`).catch(() => {});
  }

  show();
  return { place, show, stop() { ended = true; end(); } };
}
