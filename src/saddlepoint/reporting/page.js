// What moves on a page: films of sample grids, and the curves. Without it the pictures stay.

for (const group of document.querySelectorAll(".films")) film(group);
drawCurves();

/** One slider for all grids of a group: each has its earlier frames in a list of its own. */
function film(group) {
  const lists = [...group.querySelectorAll(".frames")];
  const films = [...group.querySelectorAll("figure.film")].map((figure, index) => {
    const image = figure.querySelector("img");
    const caption = figure.querySelector("figcaption");
    const frames = [...(lists[index]?.querySelectorAll("img") ?? [])].map((frame) => [frame.src, frame.alt]);
    return { image, caption, frames: [...frames, [image.src, caption.textContent]] };
  });
  const last = Math.max(0, ...films.map((one) => one.frames.length - 1));
  if (!last) return;
  const button = document.createElement("button");
  const slider = document.createElement("input");
  Object.assign(slider, { type: "range", min: 0, max: last, value: last });
  slider.setAttribute("aria-label", group.dataset.when);
  let timer = 0;
  const show = (at) => {
    slider.value = at;
    for (const { image, caption, frames } of films) {
      // A run with fewer grids shows the one from the same part of its training.
      const [src, text] = frames[Math.round((at / last) * (frames.length - 1))];
      image.src = src;
      caption.textContent = text;
    }
    slider.setAttribute("aria-valuetext", films.map((one) => one.caption.textContent).join("; "));
  };
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    button.textContent = group.dataset.play;
  };
  button.onclick = () => {
    if (timer) return stop();
    button.textContent = group.dataset.pause;
    show(Number(slider.value) === last ? 0 : Number(slider.value));
    timer = setInterval(() => {
      show(Number(slider.value) + 1);
      if (Number(slider.value) === last) stop();
    }, 350);
  };
  slider.oninput = () => { stop(); show(Number(slider.value)); };
  stop();
  const controls = document.createElement("div");
  controls.className = "controls";
  controls.append(button, slider);
  group.querySelector(".pair").after(controls);
  // On paper there is no newest grid but the one that is shown.
  addEventListener("beforeprint", () => { stop(); show(last); });
}

async function drawCurves() {
  const packed = document.getElementById("plotly");
  if (!packed) return;
  const bytes = Uint8Array.from(atob(packed.textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
  const heights = {};
  for (const [place, figure] of drawings) {
    heights[place] = figure.layout.height;
    Plotly.newPlot(place, figure.data, figure.layout, { displayModeBar: false, responsive: true });
  }
  // A sheet of paper is narrower than a screen: the curves are drawn again for it.
  addEventListener("beforeprint", () => {
    for (const [place] of drawings) Plotly.relayout(place, { width: 315, height: 250 });
  });
  addEventListener("afterprint", () => {
    for (const [place] of drawings) Plotly.relayout(place, { width: null, height: heights[place], autosize: true });
  });
}
