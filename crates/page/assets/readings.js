// The view of all series: a tree of topics or a flat list, with search.

import { FiringAlerts } from "./alert-list.js";
import { alerts } from "./alerts.js";
import { el, setText } from "./dom.js";
import { count, number, plural } from "./format.js";
import { askForHistory } from "./history.js";
import { model } from "./model.js";
import { ReadingRow } from "./reading-row.js";
import { Selection } from "./selection.js";
import { buildTree, openLevels, sortSeries, treeRows } from "./topic-tree.js";
import { VirtualList } from "./virtual-list.js";

/** So many rows of the tree are open at first. */
const OPEN_ROWS = 400;
const narrow = matchMedia("(max-width: 700px)");

export class ReadingsView {
  constructor(main, params) {
    this.main = main;
    this.selection = new Selection();
    this.rows = [];
    this.active = 0;
    this.toggled = new Map();
    this.openLevel = null;
    this.build();
    this.list = new VirtualList(this.body, {
      make: () => new ReadingRow(this),
      fill: (row, index) => row.show(this.rows[index], index),
      rowHeight: () => (narrow.matches ? 60 : 44),
    });
    this.listeners = [
      [model, "series", () => this.rebuildSoon()],
      [model, "readings", () => this.drawSoon()],
      [model, "health", () => this.everySecond()],
      [model, "state", () => this.everySecond()],
      [alerts, "change", () => this.list.render()],
      [narrow, "change", () => this.list.render()],
      [document, "keydown", (event) => this.shortcut(event)],
    ];
    for (const [target, name, listener] of this.listeners) target.addEventListener(name, listener);
    this.setParams(params);
  }

  close() {
    for (const [target, name, listener] of this.listeners) target.removeEventListener(name, listener);
    this.list.close();
    this.firing.close();
    this.isClosed = true;
  }

  build() {
    this.search = el("input", {
      type: "search",
      placeholder: "Search topics, metrics, units",
      "aria-label": "Search topics, metrics and units",
      autocomplete: "off",
      spellcheck: "false",
      on: { input: () => this.setAddress({ q: this.search.value }) },
    });
    const choice = (name, value, text) =>
      el("button", { type: "button", "data-value": value, text, on: { click: () => this.setAddress({ [name]: value }) } });
    this.layout = el("div", { class: "segments", role: "group", "aria-label": "Layout" }, choice("view", "", "Tree"), choice("view", "list", "List"));
    this.which = el("div", { class: "segments", role: "group", "aria-label": "Which series" }, choice("show", "", "All"), choice("show", "silent", "Silent"));
    this.order = el(
      "select",
      { "aria-label": "Order", on: { change: () => this.setAddress({ order: this.order.value }) } },
      el("option", { value: "", text: "By name" }),
      el("option", { value: "latest", text: "Latest first" }),
      el("option", { value: "oldest", text: "Oldest first" }),
    );
    this.summary = el("p", { class: "summary" });
    this.body = el("div", {
      class: "rows",
      role: "treegrid",
      "aria-multiselectable": "true",
      tabindex: "0",
      "aria-label": "Readings",
      on: { keydown: (event) => this.key(event), focus: () => this.list.render(), blur: () => this.list.render() },
    });
    this.empty = el("div", { class: "empty", hidden: true });
    const column = (name, text) => el("span", { class: `cell ${name}`, text });
    this.head = el(
      "div",
      { class: "row head", "aria-hidden": "true" },
      column("check", ""),
      column("name", "Topic"),
      column("spark-cell", "Last hour"),
      column("value", "Value"),
      column("rate", "Rate"),
      column("age", "Age"),
    );
    this.tray = el("div", { class: "tray", hidden: true });
    this.firing = new FiringAlerts();
    this.main.append(
      el("h1", { class: "hidden", text: "Readings" }),
      this.firing.element,
      el("div", { class: "bar" }, this.search, this.layout, this.which, this.order, this.summary),
      el("section", { class: "card table", "aria-label": "Latest readings" }, this.head, this.body, this.empty),
      this.tray,
    );
  }

  setAddress(changes) {
    const params = new URLSearchParams(this.params);
    for (const [name, value] of Object.entries(changes)) {
      if (value) params.set(name, value);
      else params.delete(name);
    }
    const query = params.toString();
    history.replaceState(null, "", `#/readings${query ? `?${query}` : ""}`);
    this.setParams(params);
  }

  setParams(params) {
    this.params = params;
    const get = (name) => params.get(name) ?? "";
    if (this.search.value !== get("q")) this.search.value = get("q");
    for (const [group, name] of [[this.layout, "view"], [this.which, "show"]]) {
      for (const button of group.children) button.setAttribute("aria-pressed", String(button.dataset.value === get(name)));
    }
    this.order.hidden = get("view") !== "list";
    this.order.value = get("order");
    this.rebuild();
  }

  rebuildSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.isClosed || this.rebuild(), 50);
  }

  /** Finds the series to show and makes the rows. */
  rebuild() {
    const now = model.now();
    const words = (this.params.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const onlySilent = this.params.get("show") === "silent";
    const found = [...model.series.values()].filter(
      (series) => words.every((word) => series.search.includes(word)) && (!onlySilent || series.isSilent(now)),
    );
    const isList = this.params.get("view") === "list";
    this.body.classList.toggle("tree", !isList);
    if (isList) {
      this.rows = this.sorted(found).map((series) => ({ series, level: 1, name: series.key }));
    } else {
      const root = buildTree(sortSeries(found));
      this.openLevel ??= found.length ? openLevels(root, OPEN_ROWS) : null;
      const searching = words.length > 0 && found.length <= OPEN_ROWS;
      const isOpen = (path, level) => this.toggled.get(path) ?? (searching || level <= (this.openLevel ?? 1));
      this.rows = treeRows(root, isOpen);
    }
    this.active = Math.min(this.active, Math.max(0, this.rows.length - 1));
    this.body.setAttribute("aria-rowcount", this.rows.length);
    this.showEmpty(words, onlySilent);
    this.list.setLength(this.rows.length);
    this.showSummary();
    this.history();
  }

  sorted(found) {
    const order = this.params.get("order");
    if (order === "latest") return found.sort((left, right) => right.time - left.time);
    if (order === "oldest") return found.sort((left, right) => left.time - right.time);
    return sortSeries(found);
  }

  showEmpty(words, onlySilent) {
    const isEmpty = this.rows.length === 0;
    this.empty.hidden = !isEmpty;
    this.head.hidden = isEmpty;
    this.body.hidden = isEmpty;
    if (!isEmpty) return;
    const [title, text] = this.explanation(words, onlySilent);
    this.empty.replaceChildren(el("h2", { text: title }), el("p", { text }));
  }

  explanation(words, onlySilent) {
    const { health } = model;
    if (!model.isLoaded && !model.series.size) return ["Loading …", "The series are on their way."];
    if (words.length) return ["No match", "No topic, metric or unit contains what you search for."];
    if (onlySilent) return ["All sensors are heard", "Each series has had a reading within its usual time."];
    if (model.storeError) return ["The store does not answer", model.storeError];
    if (health?.waits_for) return ["No readings yet", `Waiting: ${health.waits_for}.`];
    if (health?.broker) return ["No readings yet", "The first one will appear here as soon as a sensor publishes it."];
    return ["No readings", "The store has none yet."];
  }

  showSummary() {
    setText(this.head.querySelector(".spark-cell"), model.hasStore() ? "Last hour" : "Last 5 min");
    const now = model.now();
    let [silent, perSecond] = [0, 0];
    for (const series of model.series.values()) {
      if (series.isSilent(now)) silent += 1;
      else if (series.interval) perSecond += 1000 / series.interval;
    }
    const parts = [plural(model.series.size, "series", "series")];
    if (silent) parts.push(`${count(silent)} silent`);
    if (perSecond) parts.push(`${perSecond < 10 ? number(perSecond, 1) : count(perSecond)} readings/s`);
    setText(this.summary, model.series.size ? parts.join(" · ") : "");
  }

  everySecond() {
    if (this.params.get("show") === "silent" || this.params.get("order")) this.rebuild();
    else {
      this.list.render();
      this.showSummary();
      if (!this.rows.length) this.rebuild();
    }
    this.history();
  }

  drawSoon() {
    if (this.isDrawing || document.hidden) return;
    this.isDrawing = true;
    requestAnimationFrame(() => {
      this.isDrawing = false;
      if (!this.isClosed) this.list.render();
    });
  }

  /** Asks for the last hour of the visible series. */
  history() {
    if (!model.hasStore()) return;
    const visible = this.list.rows.filter((row) => !row.element.hidden).map((row) => row.item?.series);
    askForHistory(visible.filter(Boolean), () => this.isClosed || this.list.render());
  }

  toggle(row) {
    this.toggled.set(row.group, !row.isOpen);
    this.rebuild();
  }

  open(series) {
    location.hash = `#/chart?${new URLSearchParams([["s", series.key]])}`;
  }

  select(series) {
    this.selection.toggle(series.key);
    this.showTray();
    this.list.render();
  }

  showTray() {
    const keys = this.selection.keys;
    this.tray.hidden = keys.length === 0;
    const params = new URLSearchParams(keys.map((key) => ["s", key]));
    this.tray.replaceChildren(
      el("span", { text: `${plural(keys.length, "series", "series")} selected` }),
      el("button", { type: "button", class: "quiet", text: "Clear", on: { click: () => { this.selection.clear(); this.showTray(); this.list.render(); } } }),
      el("a", { class: "button primary", href: `#/chart?${params}`, text: "Show chart" }),
    );
  }

  activate(index) {
    this.active = Math.max(0, Math.min(index, this.rows.length - 1));
    this.list.reveal(this.active, 150);
    this.list.render();
  }

  shortcut(event) {
    if (event.key !== "/" || event.target.closest("input, select, textarea")) return;
    event.preventDefault();
    this.search.focus();
  }

  key(event) {
    if (event.target !== this.body || event.ctrlKey || event.metaKey || event.altKey) return;
    const row = this.rows[this.active];
    const page = Math.max(1, Math.floor(innerHeight / this.list.rowHeight()) - 4);
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -this.rows.length, End: this.rows.length };
    if (event.key in moves) this.activate(this.active + moves[event.key]);
    else if (!row) return;
    else if (event.key === "ArrowRight" && row.group && !row.isOpen) this.toggle(row);
    else if (event.key === "ArrowLeft") this.closeOrGoUp(row);
    else if (event.key === "Enter") row.group ? this.toggle(row) : this.open(row.series);
    else if (event.key === " " && row.series) this.select(row.series);
    else return;
    event.preventDefault();
  }

  closeOrGoUp(row) {
    if (row.group && row.isOpen) {
      this.toggle(row);
      return;
    }
    for (let at = this.active - 1; at >= 0; at -= 1) {
      if (this.rows[at].level < row.level) {
        this.activate(at);
        return;
      }
    }
  }
}
