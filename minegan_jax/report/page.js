// Players: pictures of which a slider shows one, by pointer, by the keys of a slider, or playing.
document.documentElement.classList.add("js");
const calm = matchMedia("(prefers-reduced-motion: reduce)");

for (const player of document.querySelectorAll(".player")) {
  const frames = [...player.querySelectorAll(".frames figure")];
  const slider = player.querySelector("input");
  const button = player.querySelector("button");
  const back = player.dataset.style === "both";
  let timer = 0;
  let by = 1;

  // What scrolls without scripts is not a stop of the tab key here.
  player.querySelector(".frames").removeAttribute("tabindex");

  const show = (number) => {
    slider.value = number;
    frames.forEach((frame, at) => frame.classList.toggle("shown", at === Number(number)));
    slider.setAttribute("aria-valuetext", frames[number].querySelector("figcaption").textContent);
  };
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    button.textContent = "Play";
  };
  const step = () => {
    const last = frames.length - 1;
    const at = Number(slider.value);
    if (back && (at + by > last || at + by < 0)) by = -by;
    if (!back && at === last) stop();
    else show(Math.min(last, Math.max(0, at + by)));
  };
  const play = () => {
    if (!back && Number(slider.value) === frames.length - 1) show(0);
    timer = setInterval(step, Number(player.dataset.period));
    button.textContent = "Pause";
  };

  slider.addEventListener("input", () => {
    stop();
    show(slider.value);
  });
  button.addEventListener("click", () => (timer ? stop() : play()));
  show(slider.value);
  if (back && !calm.matches) play();
}
