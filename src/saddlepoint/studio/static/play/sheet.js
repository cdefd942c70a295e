// Images come from the server in one picture, below each other.

import { el } from "../dom.js";
import { command } from "../parts.js";

/** A picture that is ready to be drawn from. */
export async function loaded(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
}

/** Draw one image of a sheet; `shape` is [c, h, w]. */
export function paint(canvas, image, index, [, height, width]) {
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d").drawImage(image, 0, index * height, width, height, 0, 0, width, height);
}

/**
 * A command line and, where it reads a file of latents, the link to that file: `say(command,
 * address)`, an empty address for none.
 */
export function reproduced(label, out, t, say) {
  const line = command("", label, say);
  const file = `${out}-latents.npz`;
  const link = el("a", { class: "button", download: file }, t("play.keep-latents", { file }));
  const needs = el("p", { class: "soft latents", hidden: true }, t("play.reads-latents"), " ", link);
  return { place: el("div", { class: "reproduced" }, line, needs), say(text, address) {
    line.say(text);
    needs.hidden = !address;
    if (address) link.href = address;
  } };
}

/** A canvas that a screen reader takes for a picture; without a name it is passed over. */
export function drawn(name = "", kind = "") {
  return el("canvas", { class: `pixels ${kind}`, ...(name ? { role: "img", "aria-label": name } : { "aria-hidden": "true" }) });
}
