"use strict";

const $ = (id) => document.getElementById(id);
const SPARK = 120;
const latencies = [];
let events, quiet;

function leave() {
  clearTimeout(quiet);
  events?.close();
  $("picture").removeAttribute("src");
}

function follow() {
  leave();
  events = new EventSource("events");
  events.onopen = () => {
    play(); // a stream that broke off does not begin again by itself
    say("");
  };
  events.onmessage = (event) => show(JSON.parse(event.data));
  events.onerror = async () => {
    say("no connection; trying again …");
    // The browser tries again by itself, unless the server answered with a refusal.
    if (events.readyState === EventSource.CLOSED) {
      const health = await fetch("healthz").catch(() => null);
      if (health?.status === 401) location.reload();
      else setTimeout(follow, 2000);
    }
  };
}

function play() {
  if (events.readyState === EventSource.OPEN) $("picture").src = "stream.mjpg?" + Date.now();
}

function say(text) {
  $("notice").textContent = text;
}

function show(told) {
  const stats = told.stats;
  clearTimeout(quiet);
  if (!stats.paused) quiet = setTimeout(() => say("no new picture; waiting …"), 5000);
  say(stats.paused ? "paused" : "");
  $("label").textContent = told.shown;
  $("answer").classList.toggle("unknown", told.shown === "unknown");
  const best = told.predictions[0];
  $("frame").textContent = told.steady
    ? `this frame: ${told.unknown ? "unknown, nearest " : ""}${best.label} ${percent(best.score)}`
    : "";
  $("ranking").replaceChildren(...told.ranking.map(rank));
  box(told);
  figures(told);
  buttons(stats);
}

function rank(prediction) {
  const line = document.createElement("li");
  const meter = document.createElement("meter");
  meter.value = prediction.score;
  line.append(meter, span(prediction.label), span(percent(prediction.score)));
  return line;
}

function span(text) {
  const element = document.createElement("span");
  element.textContent = text;
  return element;
}

function percent(share) {
  return (100 * share).toFixed(1) + " %";
}

function box(told) {
  const [width, height] = told.size;
  const [x, y, w, h] = told.seen ?? [0, 0, width, height];
  const seen = $("seen");
  seen.hidden = w === width && h === height;
  Object.assign(seen.style, {
    left: (100 * x) / width + "%",
    top: (100 * y) / height + "%",
    width: (100 * w) / width + "%",
    height: (100 * h) / height + "%",
  });
}

function figures(told) {
  const stats = told.stats;
  const total = Object.values(told.latency_ms).reduce((sum, value) => sum + value, 0);
  latencies.push(total);
  if (latencies.length > SPARK) latencies.shift();
  const top = Math.max(...latencies);
  $("spark").firstElementChild.setAttribute(
    "points",
    latencies.map((value, i) => `${i + SPARK - latencies.length},${30 - (28 * value) / top}`).join(" "),
  );
  $("latency").textContent = `${total.toFixed(2)} ms now, ${top.toFixed(2)} ms at most here`;
  $("stages").replaceChildren(
    ...Object.entries(stats.latency_ms).map(([stage, spread]) => {
      const row = document.createElement("tr");
      const name = document.createElement("th");
      name.textContent = stage;
      row.append(name, cell(spread.p50), cell(spread.p99));
      return row;
    }),
  );
  $("fps").textContent = stats.fps.toFixed(1);
  $("frames").textContent = stats.frames.toLocaleString("en");
  $("dropped").textContent = stats.dropped.toLocaleString("en");
  $("right").textContent = stats.known ? percent(stats.correct / stats.known) : "not known";
}

function cell(milliseconds) {
  const element = document.createElement("td");
  element.textContent = milliseconds.toFixed(3);
  return element;
}

function buttons(stats) {
  const group = $("variants");
  if (group.childElementCount !== stats.variants.length) {
    group.replaceChildren(...stats.variants.map((name) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.onclick = () => post("variant", name);
      return button;
    }));
  }
  for (const button of group.children) {
    button.setAttribute("aria-pressed", button.textContent === stats.variant);
  }
  $("pause").textContent = stats.paused ? "Go on" : "Pause";
  $("pause").onclick = () => post("pause", stats.paused ? "off" : "on");
}

async function post(path, body) {
  const answer = await fetch(path, { method: "POST", body }).catch(() => null);
  if (!answer?.ok) say(answer ? await answer.text() : "no connection");
  return answer?.ok ? answer.json() : null;
}

$("upload").onchange = async (event) => {
  const file = event.target.files[0];
  if (file) $("uploaded").textContent = await classified(file);
  event.target.value = "";
};

async function classified(file) {
  if (file.size > 16 * 2 ** 20) return `${file.name} has more than 16 MB`;
  $("uploaded").textContent = `${file.name} …`;
  const result = await post("classify", file);
  const best = result?.predictions[0];
  return result
    ? `${file.name}: ${result.unknown ? "unknown, nearest " : ""}${best.label} ${percent(best.score)}`
    : `${file.name} was not classified`;
}

// A browser has six connections to a machine, and a page that nobody sees would hold two of them.
document.addEventListener("visibilitychange", () => (document.hidden ? leave() : follow()));
$("picture").onerror = () => setTimeout(() => document.hidden || play(), 2000);
follow();
