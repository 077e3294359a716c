"use strict";
(() => {
const STEP = 100;
const $ = (id) => document.getElementById(id);
function make(tag, text, name) {
  const made = document.createElement(tag);
  if (text !== undefined && text !== null) made.textContent = text;
  if (name) made.className = name;
  return made;
}
async function read(block) {
  if (!block.dataset.packed) return JSON.parse(block.textContent);
  const bytes = Uint8Array.from(atob(block.textContent), (each) => each.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}
const blocks = (name) => [...document.querySelectorAll("script[data-block=" + name + "]")];

async function start() {
  const index = await read(blocks("index")[0]);
  const packs = blocks("texts");
  const at = index.columns;
  const n = at.id.length;
  const place = new Int32Array(n);
  let kept = 0;
  for (let i = 0; i < n; i++) place[i] = at.text[i] ? kept++ : -1;
  const opened = new Map();
  const pack = (number) => {
    if (!opened.has(number)) opened.set(number, read(packs[number]));
    return opened.get(number);
  };
  async function texts(i) {
    return place[i] < 0 ? null : (await pack(Math.floor(place[i] / index.pack)))[place[i] % index.pack];
  }
  let asked = null;
  async function prompt(task) {
    const block = blocks("prompts")[0];
    if (block && !asked) asked = read(block);
    return block ? (await asked)[task] : null;
  }
  const passed = index.verdicts.findIndex((each) => each[0] === "passed");
  const unscored = index.verdicts.findIndex((each) => each[0] === "unscored");
  const tasks = index.tasks.map((id, number) => ({id, number, all: [], passed: 0, scored: 0}));
  for (let i = 0; i < n; i++) {
    const task = tasks[at.task[i]];
    task.all.push(i);
    task.passed += at.verdict[i] === passed;
    task.scored += at.verdict[i] !== unscored;
  }
  const rate = (task) => task.scored ? task.passed / task.scored : -1;
  const percent = (task) => task.scored ? Number((100 * rate(task)).toFixed(1)) + " %" : "unscored";

  const by = {verdict: $("verdict"), class: $("class"), run: $("run")};
  const counts = {verdict: [], class: [], run: []};
  for (let i = 0; i < n; i++) for (const name in by) counts[name][at[name][i]] = (counts[name][at[name][i]] || 0) + 1;
  const labels = {verdict: index.verdicts.map((each) => each[1]), class: index.classes, run: index.runs};
  for (const name in by) {
    labels[name].forEach((label, value) => {
      if (!by[name] || !counts[name][value] || (name === "class" && !value)) return;
      const option = make("option", label + " (" + counts[name][value].toLocaleString("en") + ")");
      option.value = value;
      by[name].append(option);
    });
  }

  function chip(verdict, many) {
    const [name, label] = index.verdicts[verdict];
    return make("span", label + (many > 1 ? " ×" + many.toLocaleString("en") : ""), "chip " + name);
  }
  function code(text, name) {
    const box = make("details", null, "text");
    box.open = name === "program";
    box.append(make("summary", name), make("pre", text));
    return box;
  }
  function link(task, i) {
    const made = make("a", i === undefined ? "link to this task" : "link to this sample", "dim");
    made.href = "#" + encodeURIComponent(task.id) + (i === undefined ? "" : "&" + at.run[i] + "&" + at.id[i]);
    return made;
  }
  const called = (i) => (index.runs.length > 1 ? index.runs[at.run[i]] + " · " : "") + "sample " + at.id[i];

  function difference(a, b) {
    let from = 0, ends = 0;
    while (from < a.length && from < b.length && a[from] === b[from]) from++;
    while (ends < a.length - from && ends < b.length - from && a[a.length - 1 - ends] === b[b.length - 1 - ends]) ends++;
    const x = a.slice(from, a.length - ends), y = b.slice(from, b.length - ends);
    const found = a.slice(0, from).map((line) => [" ", line]);
    if (x.length * y.length > 4e6) {
      found.push(...x.map((line) => ["-", line]), ...y.map((line) => ["+", line]));
    } else {
      const wide = y.length + 1, best = new Uint16Array((x.length + 1) * wide);
      for (let i = x.length - 1; i >= 0; i--) for (let j = y.length - 1; j >= 0; j--) {
        best[i * wide + j] = x[i] === y[j] ? best[(i + 1) * wide + j + 1] + 1
          : Math.max(best[(i + 1) * wide + j], best[i * wide + j + 1]);
      }
      let i = 0, j = 0;
      while (i < x.length || j < y.length) {
        if (i < x.length && j < y.length && x[i] === y[j]) { found.push([" ", x[i]]); i++; j++; }
        else if (j >= y.length || (i < x.length && best[(i + 1) * wide + j] >= best[i * wide + j + 1])) found.push(["-", x[i++]]);
        else found.push(["+", y[j++]]);
      }
    }
    return found.concat(a.slice(a.length - ends).map((line) => [" ", line]));
  }
  function beside(i, task) {
    const others = task.all.filter((other) => other !== i && place[other] >= 0);
    const box = make("p", null, "diff");
    if (!others.length || place[i] < 0) return box;
    const choice = make("select");
    choice.append(new Option("compare with …", ""));
    for (const other of others.slice(0, 500)) choice.append(new Option(called(other) + ", " + index.verdicts[at.verdict[other]][1], other));
    choice.setAttribute("aria-label", "compare with another sample of this task");
    choice.onchange = async () => {
      const old = box.querySelector("pre");
      if (old) old.remove();
      if (choice.value === "") return;
      const [one, two] = [await texts(i), await texts(Number(choice.value))];
      const shown = make("pre");
      for (const [mark, line] of difference((two[0] || "").split("\n"), (one[0] || "").split("\n"))) {
        shown.append(make("span", mark + " " + line + "\n", mark === "+" ? "more" : mark === "-" ? "less" : ""));
      }
      box.append(shown);
    };
    box.append(choice);
    return box;
  }

  async function open(box, i, task) {
    if (box.dataset.open) return;
    box.dataset.open = "1";
    const it = await texts(i);
    const facts = [at.s[i] === null ? "" : at.s[i] + " s", at.mb[i] === null ? "" : at.mb[i] + " MB"].filter(Boolean);
    if (!it) box.append(make("p", "The texts of this sample are not on this page.", "dim"));
    else {
      if (it[2]) box.append(make("p", it[2]));
      if (it[3].length) {
        const call = make("dl", null, "call");
        for (const [name, text] of it[3]) { const value = make("dd"); value.append(make("code", text)); call.append(make("dt", name), value); }
        box.append(call);
      }
      if (it[4].length) {
        const list = make("ul", null, "findings");
        for (const [gate, symbol, message, line] of it[4]) list.append(make("li", gate + ": " + symbol + (line && " in line " + line) + ": " + message));
        box.append(list);
      }
      if (it[0] !== null) box.append(code(it[0], "program"));
      if (it[1] !== null) box.append(code(it[1], "answer as it came"));
    }
    box.append(beside(i, task));
    const last = make("p", facts.join(" · ") + (facts.length ? " · " : ""), "dim");
    last.append(link(task, i));
    box.append(last);
  }
  function sample(i, task) {
    const box = make("details", null, "sample");
    box.dataset.sample = i;
    const head = make("summary");
    head.append(make("b", called(i)), chip(at.verdict[i]), make("em", at.detail[i] < 0 ? "" : index.details[at.detail[i]]));
    box.append(head);
    box.ontoggle = () => { if (box.open) open(box, i, task); };
    return box;
  }
  function more(parent, items, build) {
    let done = 0;
    const button = make("button", null, "more");
    const next = () => {
      button.remove();
      for (const item of items.slice(done, done + STEP)) parent.append(build(item));
      done = Math.min(done + STEP, items.length);
      if (done < items.length) { button.textContent = (items.length - done).toLocaleString("en") + " more"; parent.append(button); }
    };
    button.onclick = next;
    next();
  }
  async function unfold(box, task, found) {
    if (box.dataset.open) return;
    box.dataset.open = "1";
    const text = await prompt(task.number);
    const head = make("p", found.length < task.all.length ? found.length + " of " + task.all.length + " samples match · " : "", "dim");
    head.append(link(task));
    if (found.length < task.all.length) {
      const button = make("button", "show all samples of this task");
      button.onclick = () => { list.replaceChildren(); more(list, task.all, (i) => sample(i, task)); button.remove(); };
      head.append(" ", button);
    }
    box.append(head);
    if (text !== null) box.append(code(text, "prompt"));
    const list = make("div", null, "samples");
    box.append(list);
    more(list, found, (i) => sample(i, task));
  }
  function row(entry) {
    const [task, found] = entry;
    const box = make("details", null, "task");
    box.dataset.task = task.id;
    const head = make("summary"), chips = make("span"), tally = new Map();
    for (const i of task.all) tally.set(at.verdict[i], (tally.get(at.verdict[i]) || 0) + 1);
    for (const verdict of [...tally.keys()].sort((a, b) => a - b)) chips.append(chip(verdict, tally.get(verdict)));
    const first = found.find((i) => at.detail[i] >= 0 && index.details[at.detail[i]]);
    head.append(make("b", task.id), make("span", percent(task), "rate"), chips, make("em", first === undefined ? "" : index.details[at.detail[first]]));
    box.append(head);
    box.ontoggle = () => { if (box.open) unfold(box, task, found); };
    return box;
  }

  const ways = {
    file: (a, b) => a.number - b.number, low: (a, b) => rate(a) - rate(b) || a.number - b.number,
    high: (a, b) => rate(b) - rate(a) || a.number - b.number,
    name: (a, b) => a.id.localeCompare(b.id, "en", {numeric: true}),
  };
  let round = 0;
  async function show() {
    const mine = ++round;
    const wanted = $("search").value.toLowerCase();
    const chosen = Object.entries(by).filter(([, select]) => select && select.value !== "").map(([name, select]) => [at[name], Number(select.value)]);
    if (wanted && opened.size < packs.length) $("shown").textContent = "searching …";
    const entries = [];
    let total = 0;
    for (const task of [...tasks].sort(ways[$("sort").value])) {
      let found = task.all.filter((i) => chosen.every(([column, value]) => column[i] === value));
      if (wanted && found.length && !task.id.toLowerCase().includes(wanted)) {
        const text = await prompt(task.number);
        if (text === null || !text.toLowerCase().includes(wanted)) {
          const kept = [];
          for (const i of found) {
            const it = await texts(i);
            if (mine !== round) return;
            const parts = it ? [it[0], it[1], it[2], ...it[3].flat(), ...it[4].flat()] : [at.detail[i] < 0 ? "" : index.details[at.detail[i]]];
            if (parts.some((part) => part && part.toLowerCase().includes(wanted))) kept.push(i);
          }
          found = kept;
        }
      }
      if (found.length) { entries.push([task, found]); total += found.length; }
    }
    if (mine !== round) return;
    $("shown").textContent = total.toLocaleString("en") + " of " + n.toLocaleString("en") + " samples, "
      + entries.length.toLocaleString("en") + " of " + tasks.length.toLocaleString("en") + " tasks";
    $("tasks").replaceChildren();
    more($("tasks"), entries, row);
    document.body.dataset.shown = String(mine);
  }
  async function follow() {
    if (location.hash.length < 2) return;
    const parts = location.hash.slice(1).split("&");
    let id;
    try { id = decodeURIComponent(parts[0]); } catch { return; }
    const task = tasks.find((each) => each.id === id);
    if (!task) return;
    const box = row([task, task.all]);
    const old = [...$("tasks").children].find((each) => each.dataset.task === id);
    if (old) old.replaceWith(box); else $("tasks").prepend(box);
    box.ontoggle = null;
    box.open = true;
    await unfold(box, task, task.all);
    const i = parts.length === 3 ? task.all.find((each) => at.run[each] === Number(parts[1]) && at.id[each] === Number(parts[2])) : undefined;
    if (i !== undefined) {
      const list = box.querySelector(".samples");
      let one = [...list.children].find((each) => each.dataset.sample === String(i));
      if (!one) { one = sample(i, task); list.prepend(one); }
      one.ontoggle = null;
      one.open = true;
      await open(one, i, task);
      one.scrollIntoView();
    } else box.scrollIntoView();
  }
  let later = 0;
  $("search").oninput = () => { clearTimeout(later); later = setTimeout(show, 150); };
  for (const select of [...Object.values(by), $("sort")]) if (select) select.onchange = show;
  addEventListener("hashchange", follow);
  await show();
  await follow();
}
start();
})();
