// The frame of the page: views, the address bar, the state of the connection.

import { alerts } from "./alerts.js";
import { el, setText } from "./dom.js";
import { ChartView } from "./chart.js";
import { HealthView } from "./health.js";
import { model } from "./model.js";
import { ReadingsView } from "./readings.js";

const views = { readings: ReadingsView, chart: ChartView, health: HealthView };
const main = document.getElementById("main");
const banner = document.getElementById("banner");
let current = null;

/** Returns the view and its parameters, which the address holds after `#/`. */
function address() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return { name: path in views ? path : "readings", params: new URLSearchParams(query) };
}

function show() {
  const { name, params } = address();
  if (current?.name !== name) {
    const isFirst = !current;
    current?.view.close();
    main.replaceChildren();
    current = { name, view: new views[name](main, params) };
    for (const link of document.querySelectorAll("nav a")) {
      if (link.dataset.view === name) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    scrollTo(0, 0);
    // For the keyboard and screen readers: the new view begins here.
    if (!isFirst) main.focus({ preventScroll: true });
    showTitle();
  } else {
    current.view.setParams(params);
  }
}

const dot = el("span", { class: "dot" });
const label = el("span", { class: "connection-label" });
document.getElementById("connection").append(dot, label);

function showConnection() {
  const { state } = model;
  const live = liveState();
  const texts = { connecting: "Connecting …", connected: live.text, lost: "Reconnecting …" };
  setText(label, texts[state]);
  dot.dataset.state = state === "connected" ? live.dot : state;
  const problem =
    state === "lost"
      ? "The program does not answer. What you see is from before; this page reconnects by itself."
      : model.storeError && `Stored readings cannot be shown: ${model.storeError}. This page tries again by itself.`;
  banner.hidden = !problem;
  setText(banner, problem || "");
}

/** What the connection to the program shows: it may have none to a broker. */
function liveState() {
  if (!model.health) return { text: "Connecting …", dot: "connecting" };
  const { broker } = model.health;
  if (!broker) return { text: "Stored readings", dot: "stored" };
  if (broker.embedded || broker.connected) return { text: "Live", dot: "connected" };
  return { text: "Waiting for the broker", dot: "lost" };
}

function showProgram() {
  const { health } = model;
  const { broker, store } = health;
  const name = broker ? (broker.embedded ? "Embedded broker" : broker.address) : (store?.name ?? "iot");
  setText(document.getElementById("brand-name"), name);
  showTitle(name);
}

function showTitle(name = document.getElementById("brand-name").textContent) {
  const view = current?.name ?? "readings";
  document.title = `${view[0].toUpperCase()}${view.slice(1)} · ${name}`;
}

model.addEventListener("state", showConnection);
model.addEventListener("store", showConnection);
model.addEventListener("health", showProgram);
model.addEventListener("health", showConnection);
document.querySelector(".skip").addEventListener("click", (event) => {
  // The address holds the view.
  event.preventDefault();
  main.focus();
});
addEventListener("hashchange", show);
showConnection();
show();
model.start();
alerts.start();
