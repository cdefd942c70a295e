// Several runs side by side.

import { chooser, legend, trace } from "../compare/choose.js";
import { el, fill, keep } from "../dom.js";
import { told } from "../notices.js";
import { paced } from "../pace.js";
import { command } from "../parts.js";
import { overlays } from "../plots.js";
import { count, duration, has, number } from "../words.js";

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

/** The grids of one seed, side by side. */
function samples(studio, answer) {
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

// A row for each name, a column for each run; the first cell names the row, or those below it.
function table(corner, heads, rows) {
  return el("div", { class: "wide", tabindex: "0", role: "region", "aria-label": corner }, el("table", { class: "side" },
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, corner), heads.map((head) => el("th", { scope: "col" }, head)))),
    el("tbody", {}, rows.map(([name, ...cells]) => (cells.length
      ? el("tr", {}, el("th", { scope: "row" }, name), cells.map((cell) => el("td", {}, cell)))
      : el("tr", { class: "part" }, el("th", { scope: "colgroup", colspan: heads.length + 1 }, name)))))));
}

function scored({ scores, unscored, runs }, t, studio) {
  const named = (id) => runs.find((run) => run.id === id)?.path ?? id;
  const made = [];
  if (scores.lines) {
    const heads = scores.members.map((members, at) => [...members.map((id) => trace(runs.find((run) => run.id === id))), scores.header[at + 1]]);
    made.push(table(scores.header[0], heads, scores.lines), el("p", { class: "soft" }, t("compare.intervals")),
      el("details", { class: "fold" }, el("summary", {}, t("compare.protocol")),
        table(t("studio.field"), [t("doctor.value")], Object.entries(scores.protocol).map(([name, value]) => [el("code", {}, name), value]))));
  }
  if (scores.differ) {
    const { one, other, fields } = scores.differ;
    made.push(el("p", { class: "doubt" }, t(fields.includes("real") ? "compare.differ-data" : "compare.differ", { one: named(one), other: named(other), fields: fields.join(", ") })));
  }
  if (scores.error) made.push(el("p", { class: "bad" }, told(scores.error)));
  for (const [id, line] of Object.entries(unscored)) made.push(command(line, t("compare.unscored", { name: named(id) }), studio.say));
  return made;
}

/** A table of the fields that differ, by the part of the configuration that they belong to. */
function differing(place, { differences, compared, runs }, t) {
  const chosen = runs.filter((run) => compared.includes(run.id)).map(({ path, colour, dash }) => ({ path, colour, dash }));
  // What changes nothing about a model stays folded until somebody asks.
  const [folded, open] = [true, false].map((watched) => differences.filter(({ part }) => (part === "watched") === watched));
  const tables = [{ id: "open", lines: open, chosen }, { id: "folded", lines: folded, chosen }];
  // Kept while they train, with what a reader has unfolded.
  keep(place, tables.filter(({ id, lines }) => id === "open" || lines.length), ({ id }) => id, ({ id, lines }) => {
    if (!lines.length) return el("p", { class: "soft" }, t("compare.same-configuration"));
    const parts = [...Map.groupBy(lines, ({ title }) => title)];
    const rows = parts.flatMap(([title, inside]) => [id === "open" && [title], ...inside.map(({ fields, values }) =>
      [fields.map((field) => el("code", {}, field)), ...values.map((value) => value || "–")])].filter(Boolean));
    const made = table(t("studio.field"), heads(chosen), rows);
    return id === "open" ? made : el("details", { class: "fold" }, el("summary", {}, lines[0].title), made);
  });
}

function known({ runs }, t) {
  const row = (key, value) => [t(key), ...runs.map((run) => value(run) || "–")];
  return table(t("compare.fact"), heads(runs), [
    row("compare.state", (run) => t(`states.${run.state}`)),
    row("start.data", (run) => run.data),
    row("compare.random", (run) => (run.seed === undefined ? "" : String(run.seed))),
    row("live.fact-images", (run) => count(run.images)),
    row("live.fact-time", (run) => run.seconds && duration(run.seconds)),
    row("live.fact-loss", (run) => run.loss),
    row("compare.parameters-g", (run) => run.parameters?.generator && count(run.parameters.generator)),
    row("compare.parameters-d", (run) => run.parameters?.discriminator && count(run.parameters.discriminator)),
    row("live.fact-distance", (run) => run.scores.distance !== undefined && number(run.scores.distance, 3)),
    row("compare.findings", (run) => run.findings.map(({ name }) => (has(`findings.${name}`) ? t(`findings.${name}`) : name)).join(", ")),
  ]);
}

function heads(runs) {
  return runs.map((run) => [trace(run), run.path]);
}
