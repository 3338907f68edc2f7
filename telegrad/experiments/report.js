"use strict";
// Each photograph becomes a window with two of its pictures, one on either side of a divider.
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function chooser(words, options, chosen) {
  const select = element("select");
  for (const option of options) select.append(element("option", { value: option.value }, option.words));
  select.value = chosen;
  return [element("label", {}, words, select), select];
}

function comparing(scene) {
  const figures = [...scene.querySelectorAll("figure")];
  const names = figures.map((figure) => figure.dataset.name);
  const of = (name) => figures[names.indexOf(name)].querySelector("img");
  const side = (which) => scene.querySelector(`[data-side=${which}]`)?.dataset.name ?? names[0];
  const options = names.map((name) => ({ value: name, words: name }));
  const [leftLabel, left] = chooser("Left", options, side("left"));
  const [rightLabel, right] = chooser("Right", options, side("right"));
  const sizes = [1, 2, 4, 8].map((n) => ({ value: String(n), words: `${n}×` }));
  const [zoomLabel, zoom] = chooser("Zoom", sizes, "1");
  const errors = element("input", { type: "checkbox" });
  const slider = element("input", { type: "range", min: "0", max: "100", step: "1", value: "50" });

  const layers = ["left", "right"].map(() =>
    element("div", { class: "layer" }, element("img", { alt: "" }), element("img", { class: "target", alt: "" })));
  const stage = element("div", { class: "stage" }, ...layers, element("div", { class: "divider" }));
  const about = scene.querySelector("h4").textContent;
  const view = element("div", { class: "window", tabindex: "0", role: "group", "aria-label": `${about}: two pictures with a divider` }, stage);
  const said = [element("span"), element("span")];

  function show() {
    [left, right].forEach((select, k) => {
      const [picture, target] = layers[k].children;
      picture.src = of(select.value).src;
      target.src = of("clean").src;
      said[k].textContent = `${k ? "" : "← "}${select.value}${k ? " →" : ""}`;
    });
    stage.style.setProperty("--at", slider.value);
    stage.style.setProperty("--zoom", zoom.value);
    view.classList.toggle("large", zoom.value !== "1");
    stage.classList.toggle("errors", errors.checked);
    slider.setAttribute("aria-valuetext", `${slider.value} % ${left.value}, the rest ${right.value}`);
  }
  function follow(event) {
    if (!event.buttons || (event.pointerType === "touch" && zoom.value !== "1")) return;
    const box = stage.getBoundingClientRect();
    slider.value = String(Math.round((100 * (event.clientX - box.left)) / box.width));
    show();
  }
  function step(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || zoom.value !== "1") return; // enlarged, the arrows scroll
    slider.value = String(Number(slider.value) + by * (event.shiftKey ? 10 : 2));
    event.preventDefault();
    show();
  }
  for (const control of [left, right, zoom, errors, slider]) control.addEventListener("input", show);
  view.addEventListener("pointerdown", follow);
  view.addEventListener("pointermove", follow);
  view.addEventListener("keydown", step);
  show();

  const controls = element("div", { class: "controls", role: "group", "aria-label": `What is compared of ${about}` },
    element("label", { class: "wide" }, "Divider", slider),
    leftLabel, rightLabel, zoomLabel, element("label", { class: "tick" }, errors, "Errors"));
  const pictures = scene.querySelector(".pictures");
  const beside = element("div", { class: "beside" });
  pictures.replaceWith(beside);
  beside.append(element("div", { class: "compare" }, view, element("div", { class: "names", "aria-hidden": "true" }, ...said), controls), pictures);
  scene.classList.add("compared");
}

// A comparison that goes on: the page is read again, unless that is switched off.
function refreshing(button) {
  const every = 1000 * Number(button.dataset.seconds);
  let timer = null;
  function turn(on) {
    clearTimeout(timer);
    timer = on ? setTimeout(() => location.reload(), every) : null;
    button.textContent = on ? "Stop refreshing" : "Refresh this page by itself";
    button.setAttribute("aria-pressed", String(on));
    try { sessionStorage.setItem("refreshing", String(on)); } catch { /* a page from a file may have no storage */ }
  }
  let on = true;
  try { on = sessionStorage.getItem("refreshing") !== "false"; } catch { /* likewise */ }
  button.hidden = false;
  button.addEventListener("click", () => turn(timer === null));
  turn(on);
}

document.querySelectorAll(".scene").forEach(comparing);
document.querySelectorAll("[data-seconds]").forEach(refreshing);
