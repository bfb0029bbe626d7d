// The table below a chart: each series with its value under the cursor, and with the range's minimum, mean and maximum.

import { el, setClass, setText } from "./dom.js";
import { dateTime, number } from "./format.js";
import { model } from "./model.js";
import { COLOURS } from "./plot.js";

export class ChartLegend {
  constructor(remove) {
    this.remove = remove;
    this.body = el("tbody");
    this.at = el("th", { scope: "col", class: "at", text: "Latest" });
    const head = (text) => el("th", { scope: "col", text });
    this.element = el(
      "table",
      { class: "legend" },
      el("thead", {}, el("tr", {}, head("Series"), this.at, head("Min"), head("Mean"), head("Max"), el("th", {}, el("span", { class: "hidden", text: "Remove" })))),
      this.body,
    );
    this.rows = [];
  }

  setKeys(keys) {
    this.element.hidden = keys.length === 0;
    this.rows = keys.map((key, index) => {
      const cells = { at: el("td", { class: "at" }), low: el("td"), mean: el("td"), high: el("td") };
      const remove = el("button", { type: "button", class: "quiet remove", "aria-label": `Remove ${key}`, title: "Remove", text: "×", on: { click: () => this.remove(key) } });
      const swatch = el("span", { class: `swatch c${index % COLOURS}`, "aria-hidden": "true" });
      const element = el("tr", {}, el("th", { scope: "row", title: key }, swatch, el("span", { class: "legend-name", text: key })), cells.at, cells.low, cells.mean, cells.high, el("td", {}, remove));
      return { key, element, cells };
    });
    this.body.replaceChildren(...this.rows.map((row) => row.element));
  }

  show(plot, tables, [from, to]) {
    if (!plot) return;
    const time = plot.cursorTime();
    let shown = null;
    for (const [index, { key, cells }] of this.rows.entries()) {
      const series = model.series.get(key);
      const decimals = series?.decimals ?? 2;
      const under = time === null ? null : plot.valuesAt(index);
      if (under && (shown === null || Math.abs(under.time - time) < Math.abs(shown - time))) shown = under.time;
      const value = under ? under.mean : series?.value;
      const isNumber = typeof value === "number";
      const band = under && under.high > under.low ? ` (${number(under.low, decimals)} … ${number(under.high, decimals)})` : "";
      const unit = series?.unit ? ` ${series.unit}` : "";
      setText(cells.at, (isNumber ? number(value, decimals + (band ? 1 : 0)) + unit : String(value ?? "–")) + band);
      const { low, mean, high } = summary(tables?.[index], from, to);
      setText(cells.low, number(low, decimals));
      setText(cells.mean, number(mean, Math.min(decimals + 1, 6)));
      setText(cells.high, number(high, decimals));
    }
    setText(this.at, shown === null ? "Latest" : dateTime(shown, to - from < 120_000));
  }
}

function summary(table, from, to) {
  if (!table) return {};
  const [times, means, lows, highs] = table;
  let [low, high, sum, count] = [Infinity, -Infinity, 0, 0];
  for (let at = 0; at < times.length; at += 1) {
    if (times[at] < from || times[at] > to || means[at] === null) continue;
    low = Math.min(low, lows[at]);
    high = Math.max(high, highs[at]);
    sum += means[at] * table.counts[at];
    count += table.counts[at];
  }
  return count ? { low, high, mean: sum / count } : {};
}
