// Choosing among the cases. Without it everything is shown, and opens and closes all the same.
"use strict";
(() => {
  const form = document.querySelector(".filters");
  if (!form) return;
  const cases = [...document.querySelectorAll("section.family details.case")];
  const squares = new Map([...document.querySelectorAll(".squares a")].map((a) => [a.hash.slice(1), a]));
  const shown = document.getElementById("shown");

  function choose() {
    const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const outcomes = [...form.querySelectorAll("[name=outcome]:checked")].map((box) => box.value);
    const level = form.elements.level.value;
    const tag = form.elements.tag.value;
    let count = 0;
    for (const item of cases) {
      const { outcome, text } = item.dataset;
      const visible =
        (!outcomes.length || outcomes.includes(outcome)) &&
        (!level || item.dataset.level === level) &&
        (!tag || item.dataset.tags.split(" ").includes(tag)) &&
        words.every((word) => text.includes(word));
      item.hidden = !visible;
      const square = squares.get(item.id);
      if (square) square.style.opacity = visible ? 1 : 0.15;
      count += visible;
    }
    for (const section of document.querySelectorAll("section.family")) {
      section.hidden = !section.querySelector("details.case:not([hidden])");
    }
    shown.textContent = `${count} of ${cases.length} shown`;
  }

  // A link to a case must show it, whatever is chosen and closed.
  function reveal() {
    const item = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!item || !item.matches("details.case")) return;
    if (item.hidden) { form.reset(); choose(); }
    item.open = true;
    item.scrollIntoView({ block: "start" });
  }

  form.addEventListener("input", choose);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(choose));
  addEventListener("hashchange", reveal);
  choose();
  reveal();
})();
