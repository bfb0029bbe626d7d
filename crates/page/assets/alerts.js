// Which alerts are firing or pending, and what was reported: asked for now and then, from the store.

import { model } from "./model.js";
import { keyOf } from "./series.js";

const INTERVAL = 3000;

class Alerts extends EventTarget {
  constructor() {
    super();
    this.firing = 0;
    this.current = [];
    this.history = [];
    /** The alerts of each series. */
    this.bySeries = new Map();
    this.text = "";
  }

  start() {
    setInterval(() => this.load(), INTERVAL);
    model.addEventListener("state", () => this.load());
    document.addEventListener("visibilitychange", () => this.load());
  }

  async load() {
    if (this.isLoading || document.hidden || !model.hasStore() || model.state !== "connected") return;
    this.isLoading = true;
    try {
      const response = await fetch("api/alerts");
      if (response.ok) this.take(await response.text());
    } catch {
      // The state of the connection is shown in any case.
    } finally {
      this.isLoading = false;
    }
  }

  take(text) {
    if (text === this.text) return;
    this.text = text;
    Object.assign(this, JSON.parse(text));
    this.bySeries.clear();
    for (const alert of this.current) {
      const key = keyOf(alert.topic, alert.metric);
      const list = this.bySeries.get(key);
      if (list) list.push(alert);
      else this.bySeries.set(key, [alert]);
    }
    this.dispatchEvent(new Event("change"));
  }

  /** Returns the names of the alerts of a series that are firing. */
  firingOf(key) {
    const list = this.bySeries.get(key) ?? [];
    return list.filter((alert) => alert.state === "firing").map((alert) => alert.name);
  }
}

export const alerts = new Alerts();
