// A game as text, as the address carries it: settings, then moves such as "b200,lr_d=0.01,d3".

/** Who can play: the discriminator, the generator, both. */
const MOVE = /^([dgb])(\d+)$/;

/** The game of a query; `at` is the move that is looked at. */
export function read(query) {
  const setup = {};
  for (const [name, value] of query) {
    if (!["moves", "at", "b"].includes(name)) setup[name] = value;
  }
  const moves = (query.get("moves") ?? "").split(",").filter(Boolean).map((press) => {
    const counted = MOVE.exec(press);
    if (counted) return [counted[1], Number(counted[2])];
    const [name, ...value] = press.split("=");
    return [name, value.join("=")];
  });
  const all = total(moves);
  const at = query.has("at") ? Number(query.get("at")) : all;
  return { setup, moves, at: Number.isInteger(at) && at >= 0 ? Math.min(at, all) : all };
}

/** The text of a game; with `at`, the move that is looked at stands in it too. */
export function write(game, at = null) {
  const query = new URLSearchParams(game.setup);
  if (game.moves.length) {
    query.set("moves", game.moves.map(([name, value]) => (isMove(name) ? `${name}${value}` : `${name}=${value}`)).join(","));
  }
  if (at !== null && at !== total(game.moves)) query.set("at", at);
  // Commas and equal signs may stand in a query as they are, and are easier to read.
  return query.toString().replaceAll("%2C", ",").replaceAll("%3D", "=");
}

function isMove(name) {
  return name.length === 1 && "dgb".includes(name);
}

export function total(moves) {
  return moves.reduce((sum, [name, value]) => sum + (isMove(name) ? value : 0), 0);
}

/** The first `at` moves; the settings that were changed before the next one stay changed. */
export function cut(moves, at) {
  const kept = [];
  let left = at;
  for (const [name, value] of moves) {
    if (!isMove(name)) {
      kept.push([name, value]);
      continue;
    }
    const n = Math.min(value, left);
    if (n) kept.push([name, n]);
    left -= n;
    if (n < value) break;
  }
  return kept;
}

/** The moves with `n` more of one kind. */
export function withMoves(moves, kind, n) {
  const last = moves.at(-1);
  if (last?.[0] === kind) return [...moves.slice(0, -1), [kind, last[1] + n]];
  return [...moves, [kind, n]];
}

/** The moves with a setting changed from here on; only the last of several changes is kept. */
export function withChange(moves, name, value) {
  let from = moves.length;
  while (from > 0 && !isMove(moves[from - 1][0])) from -= 1;
  return [...moves.slice(0, from), ...moves.slice(from).filter(([other]) => other !== name), [name, value]];
}

/** The settings in force after `at` moves. */
export function setupAt(game, at, defaults) {
  const found = { ...defaults, ...game.setup };
  for (const [name, value] of cut(game.moves, at)) {
    if (!isMove(name)) found[name] = value;
  }
  return found;
}

/** The moves after which a setting was changed. */
export function changes(moves) {
  const found = [];
  let at = 0;
  for (const [name, value] of moves) {
    if (isMove(name)) at += value;
    else found.push({ at, name, value });
  }
  return found;
}
