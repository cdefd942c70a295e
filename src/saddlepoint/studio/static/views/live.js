// One run, watched while it trains.

import { el, fill, keep } from "../dom.js";
import { film } from "../live/film.js";
import { finding } from "../live/finding.js";
import { told } from "../notices.js";
import { paced } from "../pace.js";
import { actions, command } from "../parts.js";
import { draw } from "../plots.js";
import { compact, count, duration, has, number } from "../words.js";

export async function mount(place, studio) {
  const { t } = studio;
  const id = studio.rest[0];
  const base = `/api/live/${encodeURIComponent(id)}`;
  let run = await studio.get(base);
  let ended = false;
  let left = false;

  const title = el("h1");
  const state = el("span");
  const buttons = el("div", { class: "buttons" });
  const compare = el("a", { class: "button", href: `/compare?runs=${encodeURIComponent(id)}` }, t("compare.with"));
  const head = el("div", { class: "head" },
    el("div", { class: "names" }, title, el("p", { class: "soft path" }, run.path)), state, compare, buttons);
  const trouble = el("p", { class: "bad box" });
  const facts = el("dl", { class: "facts" });
  const samples = film(base, t);
  const doctor = el("div", { class: "doctor" });
  const curves = el("div", { class: "cards" });
  const log = el("pre", { class: "log", tabindex: "0", role: "log", "aria-label": t("live.log") });
  const printed = el("details", { class: "fold" }, el("summary", {}, t("live.log")), log);
  const next = el("section", {});

  function show() {
    title.textContent = run.title;
    state.textContent = t(`states.${run.state}`);
    state.className = `state ${run.state}`;
    // Made anew only with the state: a button that is focused stays so.
    keep(buttons, [[run.state, run.pending, run.playable]], () => "buttons", () =>
      el("div", { class: "buttons" }, run.playable && el("a", { class: "button", href: `/play/${encodeURIComponent(id)}` }, t("live.try")), actions(run, studio, () => update(true), (yes) => { ended = yes || left; })));
    compare.hidden = Boolean(run.pending);
    fill(trouble, run.error && told(run.error));
    trouble.hidden = !run.error;
    fill(facts, tiles(run, t));
    samples.show(run.samples, run.found ?? [], run.total);
    const said = run.treated?.length ? [{ name: "treated", treated: run.treated }] : [];
    const found = run.found?.length ? run.found : [{ name: "none", quiet: run.pending || run.state === "running" }];
    keep(doctor, [...found, ...said], (one) => one.name, (one) => finding(one, base, studio));
    const low = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
    log.textContent = run.log;
    if (low) log.scrollTop = log.scrollHeight;
    printed.hidden = !run.log;
    if (run.pending) printed.open = true;
    const commands = Object.entries(run.commands ?? {});
    keep(next, commands.length ? [["", ""], ...commands] : [], ([what]) => what, ([what, line]) =>
      (what ? command(line, t(`next.${what}`), studio.say) : el("h2", {}, t("live.next"))));
  }

  fill(place, head, trouble, facts,
    el("div", { class: "watch" },
      el("section", { "aria-label": t("live.samples") }, el("h2", {}, t("live.samples")), samples.place),
      el("section", { "aria-label": t("doctor.title") }, el("h2", {}, t("doctor.title")), doctor, printed)),
    el("section", {}, el("h2", {}, t("live.curves")), curves),
    next);
  show();
  fill(curves, el("p", { class: "soft" }, t("live.drawing")));

  let drawn = false;
  async function drawAll() {
    if (run.pending || run.state === "damaged") {
      fill(curves, el("p", { class: "soft" }, t(run.pending && !run.error ? "live.loading" : "live.no-curves")));
      return;
    }
    let answer = null;
    do {
      // Of a long history an overview is drawn first, and then all of it.
      answer = await studio.get(`${base}/figures${answer ? "?drawn" : ""}`);
      if (ended) return;
      drawn ||= answer.figures.length > 0;
      if (answer.complete || answer.figures.length) await draw(curves, answer.figures, t, run);
    } while (!answer.complete && !ended);
  }

  const failed = (error) => !ended && studio.toast(told(error), null, "bad");
  // Figures cost much more than the rest, which would wait for them: each goes at its own pace.
  const figures = paced(drawAll, (error) => (drawn ? failed(error) : fill(curves, el("p", { class: "bad" }, told(error)))));
  const { again: update, stop: end } = paced(async () => {
    const { state: before } = run;
    run = await studio.get(base);
    if (ended) return;
    show();
    // The first curves and what a run ended with are waited for.
    figures.again(!drawn || run.state !== before);
  }, failed);

  figures.again();
  const ends = [
    studio.on("run", (event) => event.id === id && update()),
    studio.on("reset", () => update()),
    samples.stop,
  ];
  return () => { ended = left = true; end(); figures.stop(); ends.forEach((one) => one()); };
}

function tiles(run, t) {
  const parts = Object.entries(run.parameters ?? {}).map(([name, n]) => `${compact(n)} ${name}`).join(", ");
  const rows = [
    ["images", run.total > run.images ? t("live.of", { images: count(run.images), total: count(run.total) }) : count(run.images)],
    ["time", run.seconds ? duration(run.seconds) : ""],
    ["left", run.eta === null || run.eta === undefined ? "" : duration(run.eta)],
    ["rate", run.rate ? count(run.rate) : ""],
    ...["distance", "fid", "precision", "recall"].map((name) => [name, name in (run.scores ?? {}) ? number(run.scores[name], 3) : ""]),
    ["loss", run.loss], ["parameters", parts], ["device", [run.device, run.precision].filter(Boolean).join(", ")],
  ];
  const made = rows.filter(([, value]) => value).map(([name, value]) =>
    el("div", has(`runs.help-${name}`) ? { title: t(`runs.help-${name}`) } : {}, el("dt", {}, t(`live.fact-${name}`)), el("dd", {}, value)));
  if (run.state === "running" && run.total) {
    made.push(el("progress", { max: run.total, value: run.images, "aria-label": t("live.progress") }));
  }
  return made;
}
