// The page's scripts without a browser.

import assert from "node:assert/strict";

const script = (name) => import(new URL(`../../assets/${name}`, import.meta.url));
const { ChartData } = await script("chart-data.js");
const { ChartRange } = await script("chart-range.js");
const { model } = await script("model.js");
const { Series } = await script("series.js");
const { buildTree, sortSeries, treeRows } = await script("topic-tree.js");
const format = await script("format.js");

/** A generator of numbers that gives the same ones in each run. */
function random(seed) {
  let state = seed;
  return (limit) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * limit);
  };
}

/** What the server answers about readings that are stored by now. */
function answer(stored, width) {
  const through = stored.at(-1)?.time ?? null;
  if (width === 0) return { through, width, time: stored.map(({ time }) => time), mean: stored.map(({ value }) => value), min: null, max: null, count: null };
  const buckets = new Map();
  for (const { time, value } of stored) {
    const start = Math.floor(time / width) * width;
    buckets.set(start, [...(buckets.get(start) ?? []), value]);
  }
  const values = [...buckets.values()];
  return {
    through,
    width,
    time: [...buckets.keys()],
    mean: values.map((list) => list.reduce((sum, value) => sum + value, 0) / list.length),
    min: values.map((list) => Math.min(...list)),
    max: values.map((list) => Math.max(...list)),
    count: values.map((list) => list.length),
  };
}

export const tests = {
  "stored and live points join without missing or repeated ones": async () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const next = random(seed);
      const width = seed % 2 ? 0 : 5_000;
      const series = new Series("a/b", null);
      series.recentLimit = 1_000;
      model.series.set("a/b", series);
      const data = new ChartData();
      const all = [];
      let [time, stored] = [1_000_000_000_000, 0];
      for (let step = 0; step < 60; step += 1) {
        for (let many = next(3); many >= 0; many -= 1) {
          time += 1 + next(900);
          const value = next(1_000);
          all.push({ time, value });
          series.receive(value, time, 1, [], 60_000);
        }
        // The store is behind by some readings.
        if (next(4) > 0) continue;
        stored = Math.max(stored, all.length - next(5));
        data.take("a/b", { ...answer(all.slice(0, stored), width), from: 0, to: time });
      }
      const points = data.points("a/b");
      const sum = points.counts.reduce((total, count) => total + count, 0);
      assert.equal(sum, all.length, `seed ${seed}`);
      const mean = points[1].reduce((total, value, at) => total + (value ?? 0) * points.counts[at], 0);
      assert.ok(Math.abs(mean - all.reduce((total, { value }) => total + value, 0)) < 1e-3, `seed ${seed}`);
      assert.ok(points[0].every((at, index) => index === 0 || at > points[0][index - 1]), `seed ${seed}: in order`);
    }
    model.series.clear();
  },

  "a series is silent after five of its intervals": () => {
    const series = new Series("a", null);
    for (let at = 0; at < 10; at += 1) series.receive(at, at * 4_000, 1, [], 60_000);
    assert.equal(series.isSilent(36_000 + 19_000), false);
    assert.equal(series.isSilent(36_000 + 21_000), true);
  },

  "topics become a tree, and chains of one become one row": () => {
    const list = ["b/10/x", "b/9/x", "a/b/c/one", "a/b/c/two", "lone/one"].map((topic) => new Series(topic, null));
    const metric = new Series("b/9/x", "hum");
    const rows = treeRows(buildTree(sortSeries([...list, metric])), () => true);
    assert.deepEqual(
      rows.map((row) => `${row.level} ${row.group ?? "-"} ${row.name}`),
      ["1 a/b/c a/b/c", "2 - one", "2 - two", "1 b b", "2 b/9/x 9/x", "3 - x", "3 - hum", "2 - 10/x", "1 - lone/one"],
    );
  },

  "ranges zoom, move and are read back from the address": () => {
    const now = 1_000_000_000_000;
    const read = (range) => {
      const params = new URLSearchParams();
      range.write(params);
      return ChartRange.read(params);
    };
    const hour = new ChartRange({ span: 3_600_000 });
    assert.deepEqual(read(hour).ends(now), [now - 3_600_000, now]);
    assert.equal(hour.zoom(0.5, now - 100, now).span, 1_800_000);
    const past = hour.move(-0.5, now);
    assert.deepEqual(read(past).ends(now), [now - 5_400_000, now - 1_800_000]);
    assert.equal(past.move(0.5, now).isLive, true);
    const zoomed = past.zoom(0.5, now - 5_400_000, now);
    assert.deepEqual(zoomed.ends(now), [now - 5_400_000, now - 3_600_000]);
    assert.equal(new ChartRange({ span: 2_000 }).zoom(1e-9, now, now).span, 1_000);
  },

  "numbers, ages and rates are short": () => {
    assert.equal(format.number(-18.2), "−18.2");
    assert.equal(format.number(25.239866), "25.2399");
    assert.equal(format.number(1_234_567.5), "1234567.5");
    assert.equal(format.count(1_234_567), "1 234 567");
    assert.deepEqual([1_000, 12_000, 240_000, 7_200_000, 400_000_000].map(format.age), ["now", "12 s", "4 min", "2 h", "5 d"]);
    assert.deepEqual([2_000, 200, 20, 600_000].map(format.rate), ["every 2 s", "5/s", "50/s", "every 10 min"]);
  },
};
