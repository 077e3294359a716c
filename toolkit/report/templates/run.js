"use strict";
const rows = [...document.querySelectorAll("details")];
const buttons = [...document.querySelectorAll("nav button")];
const shown = document.getElementById("shown");
function show(on) {
  let n = 0;
  for (const row of rows) {
    const is = !on.dataset.f || row.dataset.v.split(" ").includes(on.dataset.f);
    row.hidden = !is;
    n += is;
  }
  for (const button of buttons) button.className = button === on ? "on" : "";
  shown.textContent = n + " of " + rows.length + " tasks";
}
for (const button of buttons) button.onclick = () => show(button);
show(buttons[0]);
