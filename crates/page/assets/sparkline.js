// A small line of the last hour.

import { svg } from "./dom.js";
import { SLOTS } from "./series.js";

const WIDTH = 120;
const HEIGHT = 28;
const MARGIN = 3;

export class Sparkline {
  constructor() {
    this.line = svg("path", { class: "spark-line" });
    this.end = svg("circle", { class: "spark-end", r: 2.2 });
    this.element = svg(
      "svg",
      { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" },
      this.line,
      this.end,
    );
    this.drawn = "";
  }

  /** Shows slots that end at `lastSlot`, of which the newest is `nowSlot`. */
  show(slots, lastSlot, nowSlot) {
    const path = slots ? this.path(slots, nowSlot - lastSlot) : "";
    if (path === this.drawn) return;
    this.drawn = path;
    this.line.setAttribute("d", path);
  }

  path(slots, shift) {
    let [low, high] = [Infinity, -Infinity];
    for (const value of slots) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    if (low === Infinity) {
      this.end.setAttribute("visibility", "hidden");
      return "";
    }
    const span = high - low;
    const y = (value) =>
      span === 0 ? HEIGHT / 2 : HEIGHT - MARGIN - ((value - low) / span) * (HEIGHT - 2 * MARGIN);
    let [path, last, from] = ["", null, null];
    for (let at = 0; at < SLOTS; at += 1) {
      const x = MARGIN + ((at - shift) / (SLOTS - 1)) * (WIDTH - 2 * MARGIN);
      if (Number.isNaN(slots[at]) || x < 0) continue;
      // A gap of some slots is a gap in the line, unless readings are that rare.
      const joins = from !== null && at - from <= this.usualGap(slots) * 3;
      path += `${joins ? "L" : "M"}${x.toFixed(1)} ${y(slots[at]).toFixed(1)}`;
      last = [x, y(slots[at])];
      from = at;
    }
    this.end.setAttribute("visibility", last ? "visible" : "hidden");
    if (last) {
      this.end.setAttribute("cx", last[0].toFixed(1));
      this.end.setAttribute("cy", last[1].toFixed(1));
    }
    return path;
  }

  usualGap(slots) {
    let filled = 0;
    for (const value of slots) if (!Number.isNaN(value)) filled += 1;
    return Math.max(1, Math.ceil(SLOTS / filled));
  }
}
