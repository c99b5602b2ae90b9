"use strict";

const $ = (id) => document.getElementById(id);
const SPARK = 120;
const latencies = [];
const STAGES = {
  preprocess: "The image is cropped, shrunk and converted for the model.",
  inference: "The network itself.",
  decode: "Scores become an answer.",
  total: "From the image to the answer: all of the above.",
  age: "From the capture by the camera to the answer.",
};
const VARIANTS = {
  int8: "8-bit integers: small and quick",
  uint8: "8-bit integers: small and quick",
  float32: "32-bit floats: as it was trained",
};
let events, quiet, ended;

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
    ended = false;
    say("");
  };
  events.onmessage = (event) => show(JSON.parse(event.data));
  events.addEventListener("end", () => {
    ended = true;
    stale("the run has ended");
  });
  events.onerror = async () => {
    if (!ended) stale("no connection; trying again …");
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
  document.body.classList.remove("stale");
}

// What is on the page is no longer what the camera sees.
function stale(text) {
  clearTimeout(quiet);
  say(text);
  document.body.classList.add("stale");
}

function show(told) {
  const stats = told.stats;
  clearTimeout(quiet);
  if (!stats.paused) quiet = setTimeout(() => stale("no new image; waiting …"), 5000);
  say(stats.paused ? "paused" : "");
  about(told);
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

function about({ model, source, machine }) {
  document.title = `${model || "live"} on ${machine} – edgecnn`;
  $("about").textContent = [model, source, `on ${machine}`].filter(Boolean).join(", ");
}

function rank(prediction) {
  const line = document.createElement("li");
  const bar = span("");
  bar.className = "bar";
  bar.style.width = 100 * prediction.score + "%";
  line.append(bar, span(prediction.label), span(percent(prediction.score)));
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
  $("latency").textContent = `the latest frame took ${total.toFixed(2)} ms, the slowest of these ${top.toFixed(2)} ms`;
  $("stages").replaceChildren(
    ...Object.entries(stats.latency_ms).map(([stage, spread]) => {
      const row = document.createElement("tr");
      const head = document.createElement("th");
      const name = span(stage);
      name.title = STAGES[stage] ?? "";
      head.append(name);
      row.append(head, cell(spread.p50), cell(spread.p99));
      return row;
    }),
  );
  $("fps").textContent = stats.fps.toFixed(1);
  $("frames").textContent = stats.frames.toLocaleString("en");
  $("dropped").textContent = stats.dropped.toLocaleString("en");
  $("known").hidden = $("right").hidden = !stats.known;
  $("right").textContent = stats.known ? percent(stats.correct / stats.known) : "";
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
      button.title = VARIANTS[name] ?? "";
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
  event.target.value = "";
  if (!file) return;
  $("uploaded").hidden = false;
  $("verdict").textContent = `${file.name} …`;
  $("runners").textContent = "";
  thumbnail(file);
  const result = file.size > 16 * 2 ** 20 ? null : await post("classify", file);
  $("verdict").textContent = result ? verdict(file, result) : `${file.name} was not classified`;
  if (file.size > 16 * 2 ** 20) $("verdict").textContent = `${file.name} has more than 16 MB`;
  $("runners").textContent = (result?.predictions ?? []).slice(1, 3).map(scored).join(", ");
  $("uploaded").scrollIntoView({ block: "nearest" });
};

function verdict(file, result) {
  return `${file.name}: ${result.unknown ? "unknown, nearest " : ""}${scored(result.predictions[0])}`;
}

function scored(prediction) {
  return `${prediction.label} ${percent(prediction.score)}`;
}

// Drawn small: the photo itself may have more pixels than a phone can spare.
async function thumbnail(file) {
  const canvas = $("thumbnail");
  canvas.width = canvas.height = 1;
  const image = await createImageBitmap(file).catch(() => null);
  if (!image) return;
  const scale = 192 / Math.max(image.width, image.height);
  canvas.width = Math.max(1, image.width * scale);
  canvas.height = Math.max(1, image.height * scale);
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  image.close();
}

// A phone shows no title, so what it says is written out when it is tapped.
document.addEventListener("click", (event) => {
  const named = event.target.closest("span[title]");
  $("explained").textContent = named ? `${named.textContent}: ${named.title}` : "";
});

// A browser has six connections to a machine, and a hidden page would use two of them.
document.addEventListener("visibilitychange", () => (document.hidden ? leave() : follow()));
$("picture").onerror = () => setTimeout(() => document.hidden || play(), 2000);
follow();
