// A line of the last minute's rates, from 0 up.

import { svg } from "./dom.js";

const WIDTH = 240;
const HEIGHT = 48;
const POINTS = 60;

export class RateLine {
  constructor() {
    this.area = svg("path", { class: "rate-area" });
    this.line = svg("path", { class: "rate-stroke" });
    this.element = svg("svg", { class: "rate-line", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" }, this.area, this.line);
  }

  show(rates) {
    if (rates.length < 2) {
      for (const path of [this.area, this.line]) path.setAttribute("d", "");
      return;
    }
    const high = Math.max(...rates, 1e-9) * 1.1;
    const x = (at) => WIDTH - ((rates.length - 1 - at) / (POINTS - 1)) * WIDTH;
    const points = rates.map((rate, at) => `${x(at).toFixed(1)} ${(HEIGHT - 2 - (rate / high) * (HEIGHT - 6)).toFixed(1)}`);
    this.line.setAttribute("d", `M${points.join("L")}`);
    this.area.setAttribute("d", `M${x(0).toFixed(1)} ${HEIGHT}L${points.join("L")}L${WIDTH} ${HEIGHT}Z`);
  }
}
