// What is compared in tables: scores, the fields that differ, and what is known of each run.

import { el, keep } from "../dom.js";
import { told } from "../notices.js";
import { command } from "../parts.js";
import { count, duration, has, number } from "../words.js";
import { trace } from "./choose.js";

// A row for each name, a column for each run; the first cell names the row, or those below it.
function table(corner, heads, rows) {
  return el("div", { class: "wide", tabindex: "0", role: "region", "aria-label": corner }, el("table", { class: "side" },
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, corner), heads.map((head) => el("th", { scope: "col" }, head)))),
    el("tbody", {}, rows.map(([name, ...cells]) => (cells.length
      ? el("tr", {}, el("th", { scope: "row" }, name), cells.map((cell) => el("td", {}, cell)))
      : el("tr", { class: "part" }, el("th", { scope: "colgroup", colspan: heads.length + 1 }, name)))))));
}

export function scored({ scores, unscored, runs }, t, studio) {
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
export function differing(place, { differences, compared, runs }, t) {
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

export function known({ runs }, t) {
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
