// Draws the chart with uPlot: a line of means and a band of minimum and maximum for each series, an axis for each unit.

import uPlot from "./uplot.js";
import { dateTime, decimalsOf, number } from "./format.js";

export const COLOURS = 8;

/** Returns the colour of the series at `index` in a chart. */
export function colour(index) {
  return style(`--c${index % COLOURS}`);
}

function style(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Columns of a series in the data: mean, low, high. */
const COLUMNS = 3;

export class Plot {
  /** `series` are `{ key, unit }`; `on` has `select(from, to)` and `cursor()`. */
  constructor(element, series, on) {
    this.element = element;
    this.series = series;
    this.on = on;
    this.plot = new uPlot(this.options(), [[], ...series.flatMap(() => [[], [], []])], element);
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(element);
  }

  destroy() {
    this.observer.disconnect();
    this.plot.destroy();
  }

  options() {
    const scales = { x: { time: true, auto: false } };
    const axes = [this.axis({ space: 92, values: timeLabels })];
    const units = [...new Set(this.series.map(({ unit }) => unit))];
    for (const [at, unit] of units.entries()) {
      scales[`u${at}`] = { auto: true, range: padded };
      axes.push(
        this.axis({
          scale: `u${at}`,
          side: at % 2 === 0 ? 3 : 1,
          label: unit || undefined,
          labelSize: 22,
          size: 62,
          grid: at === 0 ? undefined : { show: false },
          values: (_, values) => values.map((value) => number(value, commonDecimals(values))),
        }),
      );
    }
    const lines = this.series.flatMap(({ unit }, index) => {
      const scale = `u${units.indexOf(unit)}`;
      const stroke = colour(index);
      const edge = { scale, stroke: "transparent", width: 0, points: { show: false } };
      return [{ scale, stroke, width: 1.75, points: { size: 5, fill: stroke } }, { ...edge }, { ...edge }];
    });
    const bands = this.series.map((_, index) => ({
      series: [index * COLUMNS + 3, index * COLUMNS + 2],
      fill: `${colour(index)}2e`,
    }));
    return {
      ...this.size(),
      ms: 1,
      legend: { show: false },
      padding: [14, 14, 0, 4],
      scales,
      axes,
      series: [{}, ...lines],
      bands,
      cursor: {
        drag: { x: true, y: false, setScale: false },
        dataIdx: (plot, at, index) => nearest(plot.data[at], plot.data[0], index, plot.posToVal(plot.cursor.left, "x")),
        points: { size: 8 },
        focus: { prox: -1 },
        bind: { dblclick: () => null },
      },
      hooks: {
        setSelect: [(plot) => this.selected(plot)],
        setCursor: [() => this.on.cursor()],
      },
    };
  }

  axis(own) {
    return {
      stroke: style("--muted"),
      font: '12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif',
      labelFont: '600 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif',
      grid: { stroke: style("--line"), width: 1 },
      ticks: { stroke: style("--line"), width: 1, size: 5 },
      ...own,
    };
  }

  size() {
    const { clientWidth, clientHeight } = this.element;
    return { width: Math.max(clientWidth, 200), height: Math.max(clientHeight, 160) };
  }

  resize() {
    const { width, height } = this.size();
    if (width !== this.plot.width || height !== this.plot.height) this.plot.setSize({ width, height });
  }

  selected(plot) {
    const { left, width } = plot.select;
    if (width < 6) return;
    const [from, to] = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
    plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.on.select(from, to);
  }

  /** Shows these points: for each series `[times, means, lows, highs]`. */
  setData(tables, from, to) {
    // A null of one series stays a gap, also where another one has points in it.
    const expand = tables.map((table) => table.map(() => 2));
    const joined = tables.length === 0 ? [[]] : tables.length === 1 ? tables[0] : uPlot.join(tables, expand);
    this.plot.batch(() => {
      this.plot.setData(joined, false);
      this.plot.setScale("x", { min: from, max: to });
    });
  }

  /** Moves to another range with the points that are there. */
  setRange(from, to) {
    this.plot.setScale("x", { min: from, max: to });
  }

  /** Returns the time under the cursor, or null. */
  cursorTime() {
    const { left } = this.plot.cursor;
    return left === undefined || left < 0 ? null : this.plot.posToVal(left, "x");
  }

  /** Returns time, mean, low and high of a series under the cursor, or null. */
  valuesAt(index) {
    const at = this.plot.cursor.idxs?.[index * COLUMNS + 1];
    if (at === null || at === undefined || this.cursorTime() === null) return null;
    const column = (offset) => this.plot.data[index * COLUMNS + offset][at];
    return { time: this.plot.data[0][at], mean: column(1), low: column(2), high: column(3) };
  }

  /** Moves the cursor to the next point before (-1) or after (1) it that is another pixel. */
  step(by) {
    const { plot } = this;
    const times = plot.data[0];
    if (!times.length) return;
    const shown = this.cursorTime();
    const start = shown === null ? times.length - 1 : plot.valToIdx(shown);
    const from = shown === null ? Infinity : plot.valToPos(shown, "x");
    const isPoint = (index) => this.series.some((_, one) => plot.data[one * COLUMNS + 1][index] != null);
    const isNear = (index) => Math.abs(plot.valToPos(times[index], "x") - from) < 1;
    let at = start + (shown === null ? 0 : by);
    while (at > 0 && at < times.length - 1 && (isNear(at) || !isPoint(at))) at += by;
    at = Math.max(0, Math.min(at, times.length - 1));
    const left = plot.valToPos(times[at], "x");
    plot.setCursor({ left, top: plot.over.clientHeight / 2 });
  }

  /** Returns the time at a place on the screen. */
  timeAt(clientX) {
    return this.plot.posToVal(clientX - this.plot.over.getBoundingClientRect().left, "x");
  }

  get width() {
    return this.plot.over.clientWidth || 600;
  }

  get canvas() {
    return this.plot.ctx.canvas;
  }
}

/** Returns the labels of the times: the date where a day begins and at the first label, else the time. */
function timeLabels(_, times) {
  const step = times.length > 1 ? times[1] - times[0] : 60_000;
  return times.map((time, at) => {
    const text = dateTime(time, step < 1000);
    const day = text.slice(0, 10);
    if (step >= 86_400_000) return step >= 28 * 86_400_000 ? day.slice(0, 7) : day;
    const clock = step < 60_000 ? text.slice(11) : text.slice(11, 16);
    const isFirst = at === 0 || dateTime(times[at - 1]).slice(0, 10) !== day;
    return isFirst ? `${clock}\n${day}` : clock;
  });
}

function padded(_, low, high) {
  if (low === null || low === undefined) return [0, 1];
  const room = high > low ? (high - low) * 0.06 : Math.abs(high) * 0.05 || 1;
  return [low - room, high + room];
}

function commonDecimals(values) {
  return Math.max(0, ...values.filter((value) => value !== null).map((value) => decimalsOf(Number(value.toPrecision(10)))));
}

/** Returns the index of the point that is nearest to a time and is none of another series. */
function nearest(values, times, index, time) {
  if (!values || values[index] != null) return index;
  let [left, right] = [index - 1, index + 1];
  while (left >= 0 && values[left] == null) left -= 1;
  while (right < values.length && values[right] == null) right += 1;
  if (left < 0) return right < values.length ? right : null;
  if (right >= values.length) return left;
  return time - times[left] <= times[right] - time ? left : right;
}
