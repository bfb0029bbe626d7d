// The last hour of series, from the store, for their small lines.

import { model } from "./model.js";
import { SLOTS } from "./series.js";

/** So many series are asked for at once. */
const BATCH = 40;
let isAsking = false;

/** Asks for series of which nothing was asked yet, and calls `done` when some have come. */
export async function askForHistory(visible, done) {
  const missing = visible.filter((series) => !series.hasHistory && typeof series.value !== "string").slice(0, BATCH);
  if (isAsking || !missing.length) return;
  isAsking = true;
  for (const series of missing) series.hasHistory = true;
  const end = (Math.floor(model.now() / model.slotMs) + 1) * model.slotMs;
  const params = new URLSearchParams([
    ["from", end - SLOTS * model.slotMs],
    ["to", end],
    ["n", SLOTS],
    ...missing.map((series) => ["s", series.key]),
  ]);
  try {
    const response = await fetch(`api/buckets?${params}`);
    if (!response.ok) throw new Error(response.statusText);
    take(missing, await response.json());
    done();
  } catch {
    // The program or the store is away: they are asked for again later.
    for (const series of missing) series.hasHistory = false;
  } finally {
    isAsking = false;
  }
}

function take(asked, answer) {
  for (const [at, series] of asked.entries()) {
    const { time, mean } = answer.series[at];
    const live = series.slots && series.slots[SLOTS - 1];
    for (const [index, start] of time.entries()) {
      const slot = Math.floor(start / model.slotMs);
      // What was received meanwhile is newer than what was asked for.
      if (slot !== series.lastSlot || live === null || Number.isNaN(live)) series.fillSlot(slot, mean[index]);
    }
  }
}
