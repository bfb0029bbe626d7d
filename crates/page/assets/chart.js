// The view of several series over time.

import { ChartData } from "./chart-data.js";
import { exportCsv, exportPng } from "./chart-export.js";
import { ChartLegend } from "./chart-legend.js";
import { ChartRange, SPANS } from "./chart-range.js";
import { bindGestures } from "./gestures.js";
import { el, setText } from "./dom.js";
import { dateTime, duration } from "./format.js";
import { model } from "./model.js";
import { Plot } from "./plot.js";
import { SeriesPicker } from "./series-picker.js";

/** A live chart asks the store again after this time, or after a part of its span. */
const RELOAD_AT_LEAST = 5000;
const RELOAD_PARTS = 200;
const WHEEL_PAUSE = 90;
const scheme = matchMedia("(prefers-color-scheme: dark)");

export class ChartView {
  constructor(main, params) {
    this.main = main;
    this.data = new ChartData();
    this.keys = [];
    this.plot = null;
    this.reload = null;
    this.build();
    this.listeners = [
      [model, "readings", () => this.onReadings()],
      [model, "series", () => this.onSeries()],
      [model, "state", () => model.state === "connected" && this.load()],
      [scheme, "change", () => this.makePlot()],
      [document, "visibilitychange", () => document.hidden || this.load()],
      [document, "keydown", (event) => this.key(event)],
    ];
    for (const [target, name, listener] of this.listeners) target.addEventListener(name, listener);
    this.timer = setInterval(() => this.follow(), 250);
    this.setParams(params);
  }

  close() {
    for (const [target, name, listener] of this.listeners) target.removeEventListener(name, listener);
    clearInterval(this.timer);
    clearTimeout(this.reload);
    for (const key of this.keys) model.keep(key, false);
    this.plot?.destroy();
    this.picker.close();
    this.isClosed = true;
  }

  build() {
    const button = (text, label, on, properties = {}) => el("button", { type: "button", text, title: label, "aria-label": label, on: { click: on }, ...properties });
    this.spans = el("div", { class: "segments spans", role: "group", "aria-label": "Range" });
    for (const [name, text, seconds] of SPANS) {
      this.spans.append(button(text, `Last ${text}`, () => this.setRange(new ChartRange({ span: seconds * 1000 })), { "data-span": seconds * 1000, "data-name": name }));
    }
    this.spans.append(button("All", "All: from the first reading on", () => this.showAll()));
    this.live = el("button", { type: "button", class: "live", on: { click: () => this.toggleLive() } }, el("span", { class: "dot" }), "Live");
    this.picker = new SeriesPicker((key) => this.setKeys([...this.keys, key]));
    this.title = el("p", { class: "range-text", "aria-live": "off" });
    this.canvas = el("div", {
      class: "canvas",
      tabindex: "0",
      role: "group",
      "aria-label": "Chart. Arrow keys move, plus and minus zoom, Shift with arrow keys moves the cursor, L follows live.",
    });
    this.note = el("div", { class: "chart-note", role: "status", hidden: true });
    this.legend = new ChartLegend((key) => this.setKeys(this.keys.filter((other) => other !== key)));
    this.main.append(
      el("h1", { class: "hidden", text: "Chart" }),
      el("div", { class: "bar" }, this.spans, this.live, el("span", { class: "push" }), button("CSV", "Export the readings that are shown as CSV", () => exportCsv(this)), button("PNG", "Export the chart as a PNG picture", () => exportPng(this))),
      el(
        "section",
        { class: "card chart-card", "aria-label": "Chart" },
        el("div", { class: "chart-head" }, button("‹", "Earlier", () => this.move(-0.5), { class: "step" }), this.title, button("›", "Later", () => this.move(0.5), { class: "step" }), el("span", { class: "push" }), button("−", "Zoom out", () => this.zoom(2), { class: "step" }), button("+", "Zoom in", () => this.zoom(0.5), { class: "step" })),
        el("div", { class: "canvas-frame" }, this.canvas, this.note),
      ),
      el("section", { class: "card legend-card", "aria-label": "Series of the chart" }, this.legend.element, this.picker.element),
    );
    bindGestures(this.canvas, {
      zoom: (factor, clientX) => this.zoom(factor, this.plot?.timeAt(clientX), WHEEL_PAUSE),
      move: (part) => this.move(part, WHEEL_PAUSE),
    });
  }

  setParams(params) {
    this.params = params;
    const keys = params.getAll("s");
    this.range = ChartRange.read(params);
    const changed = keys.length !== this.keys.length || keys.some((key, at) => key !== this.keys[at]);
    if (changed) {
      for (const key of this.keys) model.keep(key, false);
      this.keys = keys;
      for (const key of keys) model.keep(key, true);
    }
    if (changed || !this.plot) this.makePlot();
    this.showRange();
    this.load();
  }

  /** Writes the view to the address. */
  setAddress() {
    const params = new URLSearchParams(this.keys.map((key) => ["s", key]));
    this.range.write(params);
    this.params = params;
    history.replaceState(null, "", `#/chart?${params}`);
  }

  setKeys(keys) {
    const params = new URLSearchParams([...new Set(keys)].map((key) => ["s", key]));
    this.range.write(params);
    history.pushState(null, "", `#/chart?${params}`);
    this.setParams(params);
  }

  setRange(range, pause = 0) {
    this.range = range;
    this.setAddress();
    this.showRange();
    this.draw();
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.load(), pause);
  }

  ends() {
    return this.range.ends(model.now());
  }

  zoom(factor, anchor, pause = 0) {
    const [from, to] = this.ends();
    this.setRange(this.range.zoom(factor, anchor ?? (from + to) / 2, model.now()), pause);
  }

  move(part, pause = 0) {
    this.setRange(this.range.move(part, model.now()), pause);
  }

  showAll() {
    const firsts = this.keys.map((key) => model.series.get(key)?.first).filter((first) => first != null);
    const first = firsts.length ? Math.min(...firsts) : model.now() - 3_600_000;
    const span = Math.max(model.now() - first, 60_000);
    this.setRange(new ChartRange({ span: Math.ceil((span * 1.01) / 60_000) * 60_000 }));
  }

  toggleLive() {
    const [from, to] = this.ends();
    this.setRange(this.range.isLive ? new ChartRange({ from, to }) : new ChartRange({ span: to - from }));
  }

  showRange() {
    const [from, to] = this.ends();
    for (const button of this.spans.children) {
      button.setAttribute("aria-pressed", String(this.range.isLive && Number(button.dataset.span) === this.range.span));
    }
    this.live.setAttribute("aria-pressed", String(this.range.isLive));
    const long = to - from > 36 * 3_600_000;
    const text = this.range.isLive ? `Last ${duration(to - from)}` : `${dateTime(from)} – ${long ? dateTime(to) : dateTime(to).slice(11)}`;
    setText(this.title, text);
  }

  makePlot() {
    this.plot?.destroy();
    this.plot = null;
    this.units = this.keys.map((key) => model.series.get(key)?.unit ?? "");
    this.legend.setKeys(this.keys);
    if (this.keys.length) {
      const series = this.keys.map((key, at) => ({ key, unit: this.units[at] }));
      this.plot = new Plot(this.canvas, series, {
        select: (from, to) => this.setRange(new ChartRange({ from: Math.round(from), to: Math.round(to) })),
        cursor: () => this.legend.show(this.plot, this.tables, this.ends()),
      });
    }
    this.draw();
  }

  async load() {
    clearTimeout(this.soon);
    clearTimeout(this.reload);
    if (!this.keys.length || !this.plot) return this.showNote();
    const [from, to] = this.ends();
    // Some points beyond the ends, so that lines go on there.
    const room = (to - from) * 0.02;
    this.loading = setTimeout(() => this.showNote("Loading …"), 400);
    const loading = this.loading;
    try {
      if (!(await this.data.load(this.keys, from - room, to + room, this.plot.width))) return;
      this.error = null;
      this.hasLoaded = true;
    } catch (error) {
      this.error = error.message;
    } finally {
      clearTimeout(loading);
    }
    if (this.isClosed) return;
    this.draw();
    this.showNote();
    if (this.range.isLive) {
      this.reload = setTimeout(() => document.hidden || this.load(), Math.max(RELOAD_AT_LEAST, (to - from) / RELOAD_PARTS));
    }
  }

  showNote(text = this.explanation()) {
    this.note.hidden = !text;
    setText(this.note, text ?? "");
  }

  explanation() {
    if (!this.keys.length) return "Choose a series below, or open one from the readings.";
    if (this.error) return model.state === "lost" ? "Waiting for the program …" : `The store does not answer: ${this.error}`;
    const series = this.keys.map((key) => model.series.get(key));
    const [from, to] = this.ends();
    const hasPoint = this.tables?.some(([times]) => times.some((time) => time >= from && time <= to));
    if (hasPoint) return null;
    if (series.every((one) => one && one.value !== null && typeof one.value === "string")) return "These readings are text or JSON, which has no line.";
    if (!model.hasStore()) return "Nothing is stored: the chart begins with the readings that arrive from now on.";
    return this.hasLoaded || this.tables ? "No readings in this range." : "Loading …";
  }

  draw() {
    if (!this.plot) return;
    const [from, to] = this.ends();
    this.tables = this.keys.map((key) => this.data.points(key));
    this.plot.setData(this.tables, from, to);
    this.legend.show(this.plot, this.tables, [from, to]);
    this.drawn = to;
  }

  onReadings() {
    if (this.isDrawing || document.hidden || !this.range.isLive) return;
    this.follow();
  }

  /** Moves a live chart on, when it would move by a pixel. */
  follow() {
    if (!this.plot || !this.range.isLive || document.hidden || this.isDrawing) return;
    const now = model.now();
    if (now - (this.drawn ?? 0) < this.range.span / this.plot.width) return;
    this.isDrawing = true;
    requestAnimationFrame(() => {
      this.isDrawing = false;
      if (this.isClosed || !this.range.isLive) return;
      this.draw();
      if (!this.note.hidden) this.showNote();
    });
  }

  onSeries() {
    const units = this.keys.map((key) => model.series.get(key)?.unit ?? "");
    for (const key of this.keys) model.keep(key, true);
    if (units.some((unit, at) => unit !== this.units[at])) this.makePlot();
    else this.showNote();
    if (!this.hasLoaded) this.load();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, [role=listbox]")) return;
    const inChart = event.target === this.canvas;
    const actions = { "+": () => this.zoom(0.5), "=": () => this.zoom(0.5), "-": () => this.zoom(2), l: () => this.toggleLive(), L: () => this.toggleLive() };
    if (inChart) {
      actions.ArrowLeft = () => (event.shiftKey ? this.plot?.step(-1) : this.move(-0.25));
      actions.ArrowRight = () => (event.shiftKey ? this.plot?.step(1) : this.move(0.25));
      actions.ArrowUp = actions["+"];
      actions.ArrowDown = actions["-"];
    }
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }
}
