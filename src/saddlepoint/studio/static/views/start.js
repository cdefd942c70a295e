// A form made of the configuration: the preset first, all else folded away; beside it the command.

import { el, fill } from "../dom.js";
import { told } from "../notices.js";
import { brief, command } from "../parts.js";

export async function mount(place, studio) {
  const { t } = studio;
  const choices = await studio.get("/api/start/");
  const wanted = { preset: "dcgan", data: choices.data[0].name, minutes: 5, ...read(studio.query.get("set")) };
  if (studio.query.get("set") && wanted.kimg) delete wanted.minutes;
  wanted.changes ??= {};
  wanted.components ??= {};

  const about = el("p", { class: "soft" });
  const preset = choose("preset", t("start.preset"), choices.presets.map(({ name }) => [name, name]), wanted.preset,
    (value) => { wanted.preset = value; wanted.components = {}; wanted.changes = {}; delete wanted.penalties; check(true); });
  const dataAbout = el("p", { class: "soft" });
  const named = choices.data.some(({ name }) => name === wanted.data);
  const path = el("input", { id: "path", type: "text", placeholder: "~/photos", autocomplete: "off", spellcheck: "false", "aria-describedby": "path-text",
    value: named ? "" : wanted.data, oninput: () => { wanted.data = path.value.trim(); check(); } });
  const own = el("div", { class: "field", hidden: named }, el("label", { for: "path" }, t("start.path")), path,
    el("p", { class: "soft", id: "path-text" }, t("start.path-text")));
  const data = choose("data", t("start.data"), [...choices.data.map(({ name, here }) =>
    [name, here ? name : `${name} ${t("start.not-here")}`]), ...(choices.paths ? [["", t("start.own")]] : [])], named ? wanted.data : "",
  (value) => { own.hidden = value !== ""; wanted.data = value || path.value.trim(); forget("source"); check(); });
  const unit = choose("unit", t("start.budget"), [["minutes", t("start.minutes")], ["kimg", t("start.kimg")]],
    wanted.minutes ? "minutes" : "kimg", () => budget());
  const amount = el("input", { id: "amount", type: "number", min: "0.1", step: "any", value: wanted.minutes ?? wanted.kimg ?? 5,
    "aria-label": t("start.amount"), oninput: () => budget() });
  unit.lastChild.before(amount);
  unit.lastChild.setAttribute("class", "unit");

  const folds = el("div", { class: "folds" });
  const shown = command(t("start.preparing"), t("start.same"), studio.say);
  const begin = el("button", { class: "main big", type: "submit", disabled: true }, t("start.begin"));
  const wrong = el("p", { class: "bad", role: "alert" });
  const doubts = el("div", {});
  const reset = el("button", { class: "plain", type: "button", hidden: true, onclick: () => { wanted.changes = {}; check(true); } }, t("start.reset"));

  fill(place,
    el("div", { class: "head" }, el("h1", {}, t("start.title"))),
    el("form", { class: "start", novalidate: true, onsubmit: start },
      el("div", { class: "panel first" }, preset, about, data, dataAbout, own, unit),
      el("aside", { class: "panel order", "aria-label": t("start.order") },
        el("h2", {}, t("start.order")), shown, wrong, doubts, begin, reset),
      el("section", { class: "panel all", "aria-label": t("start.all") }, el("h2", {}, t("start.all")), folds)));

  function budget() {
    const kind = unit.querySelector("select").value;
    delete wanted.minutes;
    delete wanted.kimg;
    wanted[kind] = Number(amount.value);
    check();
  }

  let timer = null;
  let asked = 0;
  async function check(whole = false) {
    about.textContent = choices.presets.find(({ name }) => name === wanted.preset)?.about ?? "";
    dataAbout.textContent = choices.data.find(({ name }) => name === wanted.data)?.about ?? "";
    studio.setQuery({ set: JSON.stringify(wanted) });
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const mine = ++asked;
      const answer = wanted.data === "" ? { error: new Error(t("start.path-empty")) }
        : await studio.post("/api/start/check", wanted).catch((error) => ({ error }));
      if (mine !== asked) return;
      fill(wrong, answer.error && told(answer.error));
      begin.disabled = Boolean(answer.error);
      if (answer.error) return;
      shown.say(answer.command);
      reset.hidden = !Object.keys(wanted.changes).length;
      fill(doubts, answer.doubts.map((one) => el("p", { class: "doubt" }, told(one))));
      draw(answer, whole);
    }, whole ? 0 : 250);
  }

  let paths = "";
  function draw(answer, whole) {
    const now = JSON.stringify([answer.fields.map((field) => field.path), answer.components]);
    if (now === paths && !whole) {
      for (const field of answer.fields) folds.querySelector(`[data-path="${field.path}"]`)?.classList.toggle("changed", field.path in wanted.changes);
      return;
    }
    const open = new Set([...folds.querySelectorAll("details[open]")].map((one) => one.dataset.group));
    paths = now;
    const groups = new Map([["parts", parts(answer)]]);
    for (const field of answer.fields) {
      const group = field.path.includes(".") ? field.path.split(".")[0] : "seed";
      if (!groups.has(group)) groups.set(group, []);
      groups.get(group).push(input(field));
    }
    fill(folds, [...groups].map(([name, inside]) => {
      const changed = Object.keys(wanted.changes).some((path) => path.split(".")[0] === name);
      return el("details", { "data-group": name, open: open.has(name) || changed },
        el("summary", {}, t(`start.group-${name}`), el("span", { class: "soft" }, ` ${inside.length}`)),
        el("div", { class: "fields" }, inside));
    }));
  }

  function parts(answer) {
    const made = Object.entries(answer.components).map(([part, { kind, choices: names }]) =>
      choose(part, t(`start.part-${part}`), names.map((name) => [name, name]), kind,
        (value) => { wanted.components[part] = value; forget(part); check(true); }));
    const chosen = new Set(answer.penalties.chosen);
    const boxes = answer.penalties.choices.map((name) => el("label", { class: "check" },
      el("input", { type: "checkbox", checked: chosen.has(name), onchange: (event) => {
        if (event.target.checked) chosen.add(name);
        else chosen.delete(name);
        wanted.penalties = chosen.size ? [...chosen] : ["none"];
        forget("penalties");
        check(true);
      } }), name));
    return [...made, el("fieldset", {}, el("legend", {}, t("start.penalties")), boxes)];
  }

  function forget(part) {
    for (const path of Object.keys(wanted.changes)) if (path.split(".")[0] === part) delete wanted.changes[path];
  }

  function input(field) {
    const id = `field-${field.path.replaceAll(".", "-")}`;
    const set = (value) => {
      if (JSON.stringify(value) === JSON.stringify(field.usual)) delete wanted.changes[field.path];
      else wanted.changes[field.path] = value;
      check();
    };
    const described = `${id}-text`;
    const common = { id, "aria-describedby": described };
    let control;
    if (field.kind === "flag") control = el("input", { ...common, type: "checkbox", checked: field.value, onchange: (e) => set(e.target.checked) });
    else if (field.kind === "choice") {
      control = el("select", { ...common, onchange: (e) => set(e.target.value) },
        field.choices.map((one) => el("option", { value: one, selected: one === field.value }, one)));
    } else if (field.kind === "number" || field.kind === "whole") {
      control = el("input", { ...common, type: "number", step: field.kind === "whole" ? 1 : "any", min: field.low, max: field.high,
        value: field.value, oninput: (e) => e.target.value !== "" && set(Number(e.target.value)) });
    } else if (field.kind === "list") {
      control = el("input", { ...common, type: "text", value: field.value.join(", "), oninput: (e) => set(list(e.target.value)) });
    } else control = el("input", { ...common, type: "text", value: field.value ?? "", oninput: (e) => set(e.target.value) });
    const name = field.path.split(".").slice(field.path.startsWith("penalties.") ? 1 : -1).join(".");
    return el("div", { class: `field${field.path in wanted.changes ? " changed" : ""}`, "data-path": field.path },
      el("label", { for: id }, el("code", {}, name)), control,
      el("p", { class: "soft", id: described }, [field.text, range(field)].filter(Boolean).join(" "),
        el("span", { class: "was" }, ` ${t("start.usual", { value: brief(field.usual) })}`)));
  }

  function range({ low, high }) {
    if (low !== null && high !== null) return t("start.between", { low, high });
    if (low !== null) return t("start.from", { low });
    return "";
  }

  async function start(event) {
    event.preventDefault();
    begin.disabled = true;
    try {
      const { id } = await studio.post("/api/start/begin", wanted);
      studio.go(`/live/${encodeURIComponent(id)}`);
    } catch (error) {
      fill(wrong, told(error));
      begin.disabled = false;
    }
  }

  check(true);
  return () => { clearTimeout(timer); asked = -1; };
}

function choose(id, label, options, value, change) {
  return el("div", { class: "field" }, el("label", { for: `choose-${id}` }, label),
    el("select", { id: `choose-${id}`, onchange: (event) => change(event.target.value) },
      ...options.map(([key, name]) => el("option", { value: key, selected: key === value }, name))));
}

function list(text) {
  return text.split(",").map((part) => part.trim()).filter(Boolean).map((part) => (Number.isFinite(Number(part)) ? Number(part) : part));
}

// What stands in an address may be anything.
function read(text) {
  try {
    const value = JSON.parse(text ?? "{}");
    return value && typeof value === "object" && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}
