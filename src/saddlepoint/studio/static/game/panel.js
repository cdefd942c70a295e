// One game: its board, what was just said, what the doctor says, and its distances over time.

import { el, fill } from "../dom.js";
import { told } from "../notices.js";
import { has, number } from "../words.js";
import { board } from "./board.js";
import { changes, setupAt, total } from "./script.js";
import { spark } from "./spark.js";

/** The numbers below a board: key, its place in a frame, and the range of its line. */
const NUMBERS = [
  { key: "modes", read: (f) => f.distances?.modes, range: (f) => [0, f.distances.of], text: (f, v, t) => t("game.of", { n: v, all: f.distances.of }) },
  { key: "js", read: (f) => f.distances?.js, range: () => [0, Math.LN2] },
  { key: "w", read: (f) => f.distances?.w, range: null },
  { key: "gap", read: (f) => f.numbers.gap, range: null, only: (setup) => setup.loss === "wasserstein" },
  { key: "right", read: (f) => f.numbers.right, range: () => [0, 1], text: (f, v) => `${number(100 * v, 3)} %` },
];

export function panel(index, t, defaults) {
  const shown = board(t("game.board", { n: index + 1 }));
  const title = el("h2", {});
  const chips = el("div", { class: "chips" });
  const tale = el("div", { class: "tale", "aria-live": "polite", hidden: true });
  // Until the first frame, which waits for PyTorch the first time.
  const said = el("div", { class: "said" }, el("p", {}, t("game.loading")));
  const doctor = el("div", { class: "play-doctor" });
  const rows = NUMBERS.map((one) => {
    const line = spark(t("game.over-time", { what: t(`game.n-${one.key}`) }));
    const value = el("dd", {});
    return { ...one, line, value, row: el("div", { hidden: true }, el("dt", { title: t(`game.n-${one.key}-help`) }, t(`game.n-${one.key}`)), value, el("dd", {}, line.canvas)) };
  });
  const sketching = el("div", { class: "sketching", hidden: true });
  const place = el("article", { class: "play-panel card", "aria-label": t("game.game", { n: index + 1 }) },
    el("div", { class: "panel-head" }, title, chips),
    el("div", { class: "panel-board" }, shown.canvas, sketching),
    el("div", { class: "panel-info" }, tale, said, doctor, el("dl", { class: "numbers" }, rows.map((one) => one.row))));

  function show(game, frame, layers) {
    const setup = setupAt(game, frame.at, defaults);
    title.textContent = t(setup.data === "drawn" ? "game.own" : `game.data-${setup.data}`);
    fill(chips, summary(setup, defaults, t).map((text) => el("span", { class: "chip" }, text)));
    shown.draw(frame, layers);
    fill(said, sentences(frame, t));
    fill(doctor, findings(frame, t));
    numbers(game, frame, setup);
    shown.canvas.setAttribute("aria-label", t("game.board-at", {
      n: index + 1, at: frame.at, words: sentences(frame, t).map((p) => p.textContent).join(" "),
    }));
  }

  function numbers(game, frame, setup) {
    const marks = changes(game.moves).map((change) => change.at);
    for (const { read, range, only, text, line, value, row } of rows) {
      const points = game.frames.map((one) => [one.at, read(one)]).filter(([, v]) => Number.isFinite(v));
      // While it plays, not each frame has its distances: the newest before it stand here.
      const newest = game.frames.findLast((one) => one.at <= frame.at && Number.isFinite(read(one)));
      row.hidden = !newest || (only && !only(setup));
      if (row.hidden) continue;
      const v = read(newest);
      value.textContent = text ? text(newest, v, t) : number(v, 3);
      const values = points.map(([, one]) => one);
      const ends = range ? range(newest) : [Math.min(0, ...values), Math.max(0.01, ...values)];
      line.draw(points, frame.at, total(game.moves), ends, marks);
    }
  }

  /** The story of a failure that was asked for, or null, beside its board. */
  function tell(failure, mend) {
    tale.hidden = !failure;
    fill(tale, failure && [
      el("h3", {}, t(`game.break-${failure.name}`)),
      el("p", {}, t(`game.break-${failure.name}-story`)),
      el("p", {}, el("strong", {}, t("game.remedy")), " ", t(`game.break-${failure.name}-mend`)),
      el("button", { class: "main", onclick: mend, disabled: failure.mending }, t("game.mend")),
    ]);
  }

  return {
    place, show, tell, sketching, board: shown,
    get words() { return said.textContent; },
    stop() {
      shown.stop();
      rows.forEach((one) => one.line.stop());
    },
  };
}

/** What differs from a plain game, in a few words each. */
function summary(setup, defaults, t) {
  const found = [t(`game.loss-${setup.loss}`).replace(/^game\.loss-/, "")];
  found.push(`${t("game.f-seed")} ${setup.seed}`);
  for (const [name, value] of Object.entries(setup)) {
    if (["loss", "seed", "data", "points"].includes(name) || String(value) === String(defaults[name])) continue;
    found.push(`${t(`game.f-${name}`)} ${value}`);
  }
  return found;
}

/** The sentences of a frame, a paragraph each, marked by whose step it was. */
function sentences(frame, t) {
  if (!frame.said.length) return [el("p", { class: "soft" }, t(frame.at ? "game.not-said" : "game.begin"))];
  return frame.said.map(({ what, why, values }) => {
    const words = {};
    for (const [name, value] of Object.entries(values)) {
      const share = name === "share" || name === "right" || (what.endsWith("probability") && !["n", "moved", "slope", "clip", "target"].includes(name));
      words[name] = share ? `${number(100 * value, 3)}\u00a0%` : number(value, 3);
    }
    return el("p", { class: `by-${what[0]}` }, t(`game.said-${what}`, words), " ", t(`game.why-${why}`, words));
  });
}

function findings(frame, t) {
  if (!frame.findings.length) return [el("p", { class: "soft" }, t("game.healthy"))];
  return frame.findings.slice(0, 2).map((one) =>
    el("div", { class: "named" },
      el("span", { class: `chip ${one.severity}` }, has(`findings.${one.name}`) ? t(`findings.${one.name}`) : one.name),
      el("p", {}, has(`game.finding-${one.name}`) ? t(`game.finding-${one.name}`) : told(one.message))));
}
