// A frame as the server sends it -> arrays.

/** Places in units of the view: -1 to 1 from edge to edge. */
export function unpack(frame) {
  return {
    ...frame,
    real: places(frame.real),
    fake: places(frame.fake),
    grid: places(frame.grid),
    real_labels: bytes(frame.real_labels),
    fake_labels: bytes(frame.fake_labels),
    pulls: new Int8Array(bytes(frame.pulls).buffer),
    surface: { ...frame.surface, data: new Uint16Array(bytes(frame.surface.data).buffer) },
  };
}

function bytes(text) {
  const raw = atob(text);
  const found = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i += 1) found[i] = raw.charCodeAt(i);
  return found;
}

const UNIT = 8192;

function places(text) {
  return Float32Array.from(new Int16Array(bytes(text).buffer), (value) => value / UNIT);
}

/** Points in the plane, at most +-1.27, as a game's text carries them: two bytes each. */
export function packPoints(points) {
  const raw = points.flatMap(([x, y]) => [x, y].map((v) => String.fromCharCode(Math.round(clamp(v) * 100) + 128)));
  return btoa(raw.join("")).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function unpackPoints(text) {
  const raw = bytes(text.replaceAll("-", "+").replaceAll("_", "/"));
  const points = [];
  for (let i = 0; i + 1 < raw.length; i += 2) points.push([(raw[i] - 128) / 100, (raw[i + 1] - 128) / 100]);
  return points;
}

function clamp(value) {
  return Math.max(-1.27, Math.min(1.27, value));
}
