// What the server sends: all series, their latest readings, and the health of the program.

import { RECENT, Series, keyOf } from "./series.js";

/** Readings that are kept of a series in a chart. */
const RECENT_IN_CHART = 20_000;
/** Without a store, readings that are kept of all series together. */
const RECENT_WITHOUT_STORE = 400_000;

/** Without any event for this time, the connection counts as lost: the health comes each second. */
const EVENT_TIMEOUT = 6000;
/** After this time, a store that did not answer is asked again. */
const STORE_RETRY = 5000;
const RETRY_DELAYS = [500, 1000, 2000, 5000];

class Model extends EventTarget {
  constructor() {
    super();
    /** @type {Map<string, Series>} */
    this.series = new Map();
    this.ids = [];
    this.health = null;
    /** "connecting", "connected" or "lost" */
    this.state = "connecting";
    /** Why stored series cannot be shown. */
    this.storeError = null;
    this.isLoaded = false;
    this.clockOffset = 0;
    this.slotMs = 60_000;
    /** The health of the last minute, for rates. */
    this.history = [];
    this.attempts = 0;
    this.lastEvent = 0;
  }

  /** The server's clock. */
  now() {
    return Date.now() + this.clockOffset;
  }

  hasStore() {
    return Boolean(this.health?.store);
  }

  start() {
    this.connect();
    setInterval(() => {
      const silent = performance.now() - this.lastEvent > EVENT_TIMEOUT;
      if (this.state === "connected" && silent) this.reconnect();
    }, 1000);
    setInterval(() => this.storeError && this.state === "connected" && this.loadStored(), STORE_RETRY);
    // A laptop that wakes up, or a phone whose tab comes back.
    addEventListener("online", () => this.reconnect());
  }

  connect() {
    this.source?.close();
    const source = new EventSource("api/events");
    this.source = source;
    const on = (name, handle) =>
      source.addEventListener(name, (event) => {
        this.lastEvent = performance.now();
        handle(JSON.parse(event.data));
      });
    on("health", (health) => this.takeHealth(health));
    on("start", (list) => this.takeStart(list));
    on("series", (list) => this.takeSeries(list));
    on("readings", (list) => this.takeReadings(list));
    source.onerror = () => {
      if (source === this.source) this.reconnect();
    };
  }

  reconnect() {
    this.source?.close();
    this.source = null;
    this.setState("lost");
    clearTimeout(this.retry);
    const delay = RETRY_DELAYS[Math.min(this.attempts, RETRY_DELAYS.length - 1)];
    this.attempts += 1;
    this.retry = setTimeout(() => this.connect(), delay);
  }

  setState(state) {
    if (this.state === state) return;
    this.state = state;
    this.emit("state");
  }

  emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  takeHealth(health) {
    this.clockOffset = health.now - Date.now();
    this.health = health;
    if (!health.store) this.slotMs = 5_000;
    this.history.push(health);
    if (this.history.length > 61) this.history.shift();
    this.emit("health");
  }

  takeStart(list) {
    // Numbers of another run mean other series, and its counts begin again.
    this.ids = [];
    this.history = this.health ? [this.health] : [];
    this.attempts = 0;
    this.takeSeries(list);
    this.setState("connected");
    this.loadStored();
  }

  takeSeries(list) {
    for (const [id, topic, metric, unit, value, time, , interval] of list) {
      const series = this.get(topic, metric);
      if (unit) series.setUnit(unit);
      series.set(value, time);
      if (interval) series.interval = interval;
      if (typeof value === "number") series.fillSlot(Math.floor(time / this.slotMs), value);
      this.ids[id] = series;
    }
    this.limitRecent();
    if (list.length) this.emit("series");
  }

  takeReadings(list) {
    for (const [id, value, time, readings = 1, ...rest] of list) {
      this.ids[id]?.receive(value, time, readings, rest, this.slotMs);
    }
    this.emit("readings", list);
  }

  /** Keeps more readings of a series, while a chart shows it. */
  keep(key, isInChart) {
    const series = this.series.get(key);
    if (!series) return;
    series.isInChart = isInChart;
    this.limitRecent();
  }

  /** Divides what may be kept among all series: the more there are, the less each has. */
  limitRecent() {
    const share = Math.min(RECENT_IN_CHART, Math.floor(RECENT_WITHOUT_STORE / this.series.size));
    const limit = this.hasStore() ? RECENT : Math.max(RECENT, share);
    for (const series of this.series.values()) series.recentLimit = series.isInChart ? RECENT_IN_CHART : limit;
  }

  get(topic, metric) {
    const key = keyOf(topic, metric);
    let series = this.series.get(key);
    if (!series) {
      series = new Series(topic, metric);
      this.series.set(key, series);
    }
    return series;
  }

  /** Asks for the series of the store, which may be more than are live. */
  async loadStored() {
    if (!this.hasStore()) {
      this.isLoaded = true;
      this.emit("series");
      return;
    }
    try {
      const response = await fetch("api/series");
      const answer = await response.json();
      if (!response.ok) throw new Error(answer.error);
      this.storeError = null;
      for (const stored of answer.series) this.takeStored(stored);
      this.limitRecent();
    } catch (error) {
      this.storeError = error.message;
    }
    this.emit("store");
    this.isLoaded = true;
    this.emit("series");
  }

  takeStored({ topic, metric, unit, name, first, last, count, value }) {
    const series = this.get(topic, metric);
    if (name) series.name = name;
    series.setUnit(series.unit || unit || "");
    series.first = first;
    if (!series.interval && count > 1) series.interval = (last - first) / (count - 1);
    if (last !== null && value !== null) series.set(value, last);
  }
}

export const model = new Model();
