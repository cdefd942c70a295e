// Several runs side by side.

import { chooser, legend, trace } from "../compare/choose.js";
import { samples } from "../compare/samples.js";
import { differing, known, scored } from "../compare/tables.js";
import { el, fill } from "../dom.js";
import { told } from "../notices.js";
import { paced } from "../pace.js";
import { command } from "../parts.js";
import { overlays } from "../plots.js";

export async function mount(place, studio) {
  const { t } = studio;
  let ids = (studio.query.get("runs") ?? "").split(",").filter(Boolean);
  let over = studio.query.get("over") === "time" ? "time" : "images";
  let answer = null;
  let ended = false;
  const listing = await studio.get("/api/runs/");

  const chosen = el("ul", { class: "legend", "aria-label": t("compare.chosen") });
  const choose = chooser(t, set);
  const wrong = el("div", { class: "notes" });
  const body = el("div", { class: "compared" });
  const pictures = samples(studio, () => answer);
  const keys = el("ul", { class: "legend keys" });
  const curves = el("div", { class: "cards" });
  const scores = el("section", {});
  const parts = el("div", { class: "folds" });
  const differences = el("section", {}, el("h2", {}, t("compare.differences")), parts);
  const facts = el("section", {});
  const terminal = el("section", {});
  const axes = el("fieldset", { class: "axes" }, el("legend", {}, t("compare.over")), ["images", "time"].map((one) =>
    el("label", { class: "check" }, el("input", { type: "radio", name: "over", value: one, checked: one === over, onchange: () => {
      over = one;
      studio.setQuery({ over: one === "time" ? one : "" });
      drawCurves().catch(failed);
    } }), t(`compare.over-${one}`))));

  fill(place, el("div", { class: "head" }, el("h1", {}, t("compare.title"))), chosen, choose.place, wrong, body);

  function set(changed) {
    ids = changed;
    studio.setQuery({ runs: ids.join(",") });
    read();
  }

  // What was asked for last is shown, whatever comes in between.
  let asked = 0;
  async function read() {
    const mine = ++asked;
    choose.draw(listing.runs, ids);
    if (ids.length < 2) choose.place.open = true;
    try {
      const found = await ask();
      if (mine !== asked || ended) return;
      show(found);
      if (ids.length < 2) return;
      pictures.draw();
      fill(curves, el("p", { class: "soft" }, t("live.drawing")));
      await drawCurves();
    } catch (error) {
      if (mine === asked) failed(error);
    }
  }

  const query = () => `runs=${ids.map(encodeURIComponent).join(",")}`;
  const ask = () => studio.get(`/api/compare/?${query()}`);

  function show(found) {
    answer = found;
    choose.draw(listing.runs, ids, answer.most);
    legend(chosen, [...answer.runs, ...answer.missing.map((id) => ({ id }))], t, (id) => set(ids.filter((one) => one !== id)));
    fill(keys, answer.runs.map((run) => el("li", { class: "soft" }, trace(run), run.path)));
    fill(wrong, notes(answer, t));
    if (answer.runs.length < 2) {
      fill(body, nothing(listing.runs, answer.runs, t));
      return;
    }
    fill(scores, el("h2", {}, t("compare.scores")), scored(answer, t, studio));
    differing(parts, answer, t);
    fill(facts, el("h2", {}, t("compare.facts")), known(answer, t));
    fill(terminal, command(answer.command, t("studio.same"), studio.say));
    if (!curves.isConnected) {
      fill(body, pictures.place, scores,
        el("section", {}, el("div", { class: "head" }, el("h2", {}, t("live.curves")), axes), keys, curves),
        differences, facts, terminal);
    }
  }

  async function drawCurves() {
    const mine = asked;
    let drawn = null;
    do {
      const wanted = over;
      drawn = await studio.get(`/api/compare/figures?${query()}&over=${wanted}${drawn ? "&drawn" : ""}`);
      if (ended || mine !== asked || wanted !== over) return;
      if (drawn.complete || drawn.figures.length) await overlays(curves, drawn.figures, t);
    } while (!drawn.complete);
    if (answer.complete) return;
    // Scores say how long a run had trained, which a history that was half read cannot tell.
    const found = await ask();
    if (!ended && mine === asked) show(found);
  }

  function failed(error) {
    if (!ended) fill(wrong, el("p", { class: "bad box", role: "alert" }, told(error)));
  }

  // Curves cost much more than the rest, which would wait for them: each goes at its own pace.
  const tables = paced(async () => {
    const mine = asked;
    const found = await ask();
    if (!ended && mine === asked) show(found);
  }, failed);
  const figures = paced(async () => { if (ids.length > 1) await drawCurves(); }, failed);
  const again = (soon) => { tables.again(soon); figures.again(soon); };
  await read();

  const ends = [
    studio.on("run", (run) => {
      const at = listing.runs.findIndex(({ id }) => id === run.id);
      const turned = listing.runs[at]?.state !== run.state;
      if (at < 0) listing.runs.push(run);
      else listing.runs[at] = run;
      choose.draw(listing.runs, ids, answer?.most);
      if (ids.includes(run.id)) again(turned);
    }),
    studio.on("reset", () => again(false)),
  ];
  return () => { ended = true; tables.stop(); figures.stop(); ends.forEach((end) => end()); };
}

/** What is odd about the runs that were chosen, each in a sentence. */
function notes({ runs, missing }, t) {
  const sentences = missing.map((id) => t("compare.gone", { id }));
  const different = (what) => [...new Set(runs.map((run) => run[what]).filter(Boolean))];
  const sets = different("data");
  if (sets.length > 1) sentences.push(t("compare.other-data", { data: sets.join(", ") }));
  else if (different("fingerprint").length > 1) sentences.push(t("compare.other-version", { data: sets[0] }));
  const losses = different("loss");
  if (losses.length > 1) sentences.push(t("compare.other-loss", { losses: losses.join(", ") }));
  return [...sentences.map((text) => el("p", { class: "doubt" }, text)),
    ...runs.filter((run) => run.state === "damaged").map((run) => el("p", { class: "bad box" }, `${run.path}: `, told(run.error)))];
}

function nothing(all, runs, t) {
  const ready = all.filter((run) => !run.pending);
  if (ready.length < 2) {
    return el("section", { class: "empty" }, el("h2", {}, t("compare.too-few")), el("p", {}, t("compare.too-few-text")),
      el("a", { class: "button main", href: "/start" }, t("runs.new")));
  }
  return el("section", { class: "empty" }, el("h2", {}, t(runs.length ? "compare.one" : "compare.none")), el("p", {}, t("compare.none-text")));
}
