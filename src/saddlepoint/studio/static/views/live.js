// One run, watched while it trains.

import { el, fill, keep } from "../dom.js";
import { told } from "../notices.js";
import { paced } from "../pace.js";
import { actions, command, diff, loading } from "../parts.js";
import { draw, evidence } from "../plots.js";
import { addressed } from "../server.js";
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
    el("div", { class: "names" }, title, el("p", { class: "soft path" }, run.path)), state, !run.pending && compare, buttons);
  const trouble = el("p", { class: "bad box" });
  const facts = el("dl", { class: "facts" });
  const film = grid(base, t, studio);
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
    fill(trouble, run.error && told(run.error));
    trouble.hidden = !run.error;
    fill(facts, tiles(run, t));
    film.show(run.samples, run.found ?? [], run.total);
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
      el("section", { "aria-label": t("live.samples") }, el("h2", {}, t("live.samples")), film.place),
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
    film.stop,
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
  const line = el("ol", { class: "timeline", "aria-label": t("live.timeline") });
  const controls = el("div", { class: "film" }, button, slider, when);
  const place = el("div", { class: "samples" }, picture, controls, line, none);

  function go(index) {
    at = index;
    const sample = samples[at];
    slider.value = at;
    const images = count(sample.images);
    addressed(`${base}/samples/${encodeURIComponent(sample.name)}`).then((src) => {
      if (at === index) picture.src = src;
    });
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

  function show(found, findings, total) {
    const newest = at === samples.length - 1;
    samples = found;
    none.hidden = samples.length > 0;
    picture.hidden = controls.hidden = samples.length === 0;
    slider.max = Math.max(0, samples.length - 1);
    button.disabled = slider.disabled = samples.length < 2;
    if (samples.length && (newest || at >= samples.length)) go(samples.length - 1);
    line.hidden = !findings.length;
    fill(line, findings.map((one) => {
      const mark = el("li", {}, el("a", { class: `mark ${one.severity}`, href: `#finding-${one.name}`,
        title: `${named(one.name, t)}, ${t("live.at", { images: count(one.at_images) })}` },
      el("span", { class: "unseen" }, `${named(one.name, t)}, ${t("live.at", { images: count(one.at_images) })}`)));
      mark.style.left = `${(100 * one.at_images) / Math.max(total, one.at_images, 1)}%`;
      return mark;
    }));
  }

  return { place, show, stop };
}

function named(name, t) {
  return has(`findings.${name}`) ? t(`findings.${name}`) : name;
}

function finding(one, base, studio) {
  const { t } = studio;
  if (one.name === "none") return el("p", { class: "soft" }, t(one.quiet ? "live.watching" : "doctor.silent"));
  if (one.treated) {
    return el("div", { class: "finding info" }, el("h3", {}, t("doctor.treated")),
      el("ol", { class: "remedies" }, one.treated.map((text) => el("li", {}, text))));
  }
  const numbers = el("div", { class: "wide", tabindex: "0", role: "region", "aria-label": t("doctor.evidence") }, el("table", { class: "numbers" },
    el("thead", {}, el("tr", {}, ["evidence", "value", "healthy", "note"].map((key) => el("th", { scope: "col" }, t(`doctor.${key}`))))),
    el("tbody", {}, one.evidence.map((item) => el("tr", {}, el("th", { scope: "row" }, el("code", {}, item.name)),
      el("td", {}, number(item.value)), el("td", {}, healthy(item.healthy ?? [null, null], t)), el("td", {}, item.note ?? ""))))));
  const pictures = one.missing_pictures.map(({ file, name }) => el("figure", {},
    loading(el("img", { alt: t("doctor.real-of", { name }), loading: "lazy" }), `${base}/bins/${encodeURIComponent(file)}`),
    el("figcaption", {}, name)));
  const state = one.holds ? t("live.holds", { images: count(one.at_images) })
    : t("live.past", { images: count(one.at_images) });
  const general = has(`findings.${one.name}.text`) ? el("p", {}, t(`findings.${one.name}.text`)) : null;
  const plots = el("div", { class: "plots" });
  const drawn = () => {
    if (box.open && !plots.childElementCount) {
      evidence(plots, `${base}/evidence/${encodeURIComponent(one.name)}`, studio, one)
        .catch((error) => fill(plots, el("p", { class: "soft" }, told(error))));
    }
  };
  const box = el("details", { class: `finding ${one.severity}`, id: `finding-${one.name}`, open: one.holds, ontoggle: drawn },
    el("summary", {}, el("b", {}, named(one.name, t)), el("span", { class: "soft" }, ` ${state}`)),
    general, el("p", { class: general ? "soft" : "" }, one.message), numbers, plots,
    pictures.length ? el("div", { class: "bins" }, el("p", { class: "soft" }, t("doctor.missing")), pictures) : null,
    Object.keys(one.advice).length ? remedies(one, base, studio) : null);
  return box;
}

function healthy([low, high], t) {
  if (low === null && high === null) return "";
  if (low === high) return number(low);
  if (low === null) return t("doctor.at-most", { value: number(high) });
  if (high === null) return t("doctor.at-least", { value: number(low) });
  return t("doctor.between", { low: number(low), high: number(high) });
}

// What a remedy changes, the command that trains so, and the button that starts it.
function applied(treated, base, studio) {
  const { t } = studio;
  const parts = [diff(treated.changes)];
  if (treated.taken.length > 1) {
    parts.push(el("details", { class: "fold" }, el("summary", {}, t("live.taken")),
      el("ul", {}, treated.taken.map((one) => el("li", {}, told(one))))));
  }
  if (!treated.command) return [...parts, el("p", { class: "soft" }, t("live.no-form"))];
  const begin = el("button", { class: "main", onclick: async () => {
    begin.disabled = true;
    try {
      const { id } = await studio.post(`${base}/${encodeURIComponent(treated.name)}`, {});
      studio.go(`/live/${encodeURIComponent(id)}`);
    } catch (error) {
      begin.disabled = false;
      studio.toast(told(error), null, "bad");
    }
  } }, t("live.apply"));
  const form = el("a", { class: "button", href: `/start?set=${encodeURIComponent(JSON.stringify(treated.wanted))}` },
    t("live.in-form"));
  return [...parts, command(treated.command, "", studio.say), el("div", { class: "buttons" }, begin, form)];
}

function remedies(one, base, studio) {
  const { t } = studio;
  const list = el("ol", { class: "remedies" }, Object.entries(one.advice).map(([name, text]) =>
    el("li", { "data-remedy": name }, text, " ", el("code", {}, name))));
  const button = el("button", { onclick: async () => {
    button.disabled = true;
    try {
      const answer = await studio.get(`${base}/remedies/${encodeURIComponent(one.name)}`);
      if (answer.error) {
        button.disabled = false;
        studio.toast(told(answer.error), null, "bad");
        return;
      }
      for (const treated of answer.remedies) {
        const item = [...list.children].find((child) => child.dataset.remedy === treated.name);
        item?.append(...applied(treated, `${base}/remedies/${encodeURIComponent(one.name)}`, studio));
      }
      const images = count(answer.start_images ?? 0);
      const where = answer.start_images === null ? (answer.healthy ? "anew" : "start") : "checkpoint";
      list.before(el("p", {}, t(`live.from-${where}`, { images, healthy: count(answer.healthy) })));
      for (const item of list.children) {
        if (!answer.remedies.some(({ name }) => name === item.dataset.remedy)) item.classList.add("not-here");
      }
      button.remove();
    } catch (error) {
      button.disabled = false;
      studio.toast(told(error), null, "bad");
    }
  } }, t("live.what-changes"));
  return el("div", { class: "help" }, el("h3", {}, t("doctor.remedies")), list, button);
}
