// The points of a chart: what the store has, and behind it what has been received since.

import { model } from "./model.js";

/** A gap in the line: so many times the usual distance between points. */
const GAP = 5;
const GAP_AT_LEAST = 2000;

export class ChartData {
  constructor() {
    this.stored = new Map();
    this.request = null;
  }

  /** Asks the store for points of these series; resolves to false if a later call came first. */
  async load(keys, from, to, points) {
    if (!model.hasStore()) return true;
    this.request?.abort();
    const request = new AbortController();
    this.request = request;
    const params = new URLSearchParams([
      ["from", Math.floor(from)],
      ["to", Math.ceil(to)],
      ["n", Math.round(points)],
      ...keys.map((key) => ["s", key]),
    ]);
    try {
      const response = await fetch(`api/buckets?${params}`, { signal: request.signal });
      const answer = await response.json();
      if (!response.ok) throw new Error(answer.error);
      for (const [at, key] of keys.entries()) this.take(key, { ...answer.series[at], from, to });
      return true;
    } catch (error) {
      if (request.signal.aborted) return false;
      throw error;
    }
  }

  take(key, stored) {
    this.stored.set(key, stored);
    // The store has these now.
    model.series.get(key)?.forgetRecent(stored.through ?? -Infinity);
  }

  /**
   * Returns the points of a series as `[times, means, lows, highs]`, in order, with null for gaps. Its property `counts` has how
   * many readings each point stands for.
   */
  points(key) {
    const stored = this.stored.get(key);
    const points = stored ? copy(stored) : { time: [], mean: [], low: [], high: [], count: [] };
    const through = stored?.through ?? -Infinity;
    const recent = model.series.get(key)?.recent;
    if (recent) append(points, recent, through, stored?.width ?? 0);
    return withGaps(points, stored?.width ?? 0);
  }
}

function copy({ time, mean, min, max, count }) {
  return { time: time.slice(), mean: mean.slice(), low: (min ?? mean).slice(), high: (max ?? mean).slice(), count: count?.slice() ?? time.map(() => 1) };
}

/** Appends readings after `through`; those in the bucket of the last point become part of it. */
function append(points, recent, through, width) {
  for (let at = 0; at < recent.time.length; at += 1) {
    const time = recent.time[at];
    if (time <= through) continue;
    const last = points.time.length - 1;
    if (width > 0 && last >= 0 && time < points.time[last] + width) {
      const [old, added] = [points.count[last], recent.count[at]];
      points.mean[last] = (points.mean[last] * old + recent.mean[at] * added) / (old + added);
      points.low[last] = Math.min(points.low[last], recent.low[at]);
      points.high[last] = Math.max(points.high[last], recent.high[at]);
      points.count[last] = old + added;
      continue;
    }
    // A bucket begins where those before it suggest.
    points.time.push(width > 0 ? Math.floor(time / width) * width : time);
    points.mean.push(recent.mean[at]);
    points.low.push(recent.low[at]);
    points.high.push(recent.high[at]);
    points.count.push(recent.count[at]);
  }
}

/** Puts a null between points that are far from each other. */
function withGaps({ time, mean, low, high, count }, width) {
  const distances = [];
  for (let at = 1; at < time.length; at += 1) distances.push(time[at] - time[at - 1]);
  if (distances.length < 2) return Object.assign([time, mean, low, high], { counts: count });
  const usual = distances.slice().sort((one, other) => one - other)[Math.floor(distances.length / 2)];
  const limit = Math.max(GAP * usual, 2.5 * width, GAP_AT_LEAST);
  const out = Object.assign([[], [], [], []], { counts: [] });
  for (let at = 0; at < time.length; at += 1) {
    if (at > 0 && distances[at - 1] > limit) {
      out[0].push(time[at - 1] + 1);
      for (const column of [1, 2, 3]) out[column].push(null);
      out.counts.push(0);
    }
    out[0].push(time[at]);
    out[1].push(mean[at]);
    out[2].push(low[at]);
    out[3].push(high[at]);
    out.counts.push(count[at]);
  }
  return out;
}
