// One series as the browser knows it: its latest reading, and the last hour in slots of a minute.

import { decimalsOf } from "./format.js";

export const SLOTS = 60;
/** So many of the latest readings are kept of each series. */
export const RECENT = 40;

/** Time after which a series of unknown rate counts as silent. */
const SILENT_UNKNOWN = 60 * 60 * 1000;
/** A series is silent after so many of its usual intervals. */
const SILENT_INTERVALS = 5;
const SILENT_AT_LEAST = 10 * 1000;

export class Series {
  constructor(topic, metric) {
    this.topic = topic;
    this.metric = metric;
    this.key = keyOf(topic, metric);
    this.unit = "";
    this.name = "";
    this.value = null;
    this.time = null;
    this.interval = 0;
    this.decimals = 0;
    this.slots = null;
    this.lastSlot = 0;
    /** Whether the store was asked for the last hour. */
    this.hasHistory = false;
    /** When the store's first reading was, or the first one that was received. */
    this.first = null;
    /** The latest readings, for a chart; those of a few ticks, or more while a chart shows them. */
    this.recent = { time: [], mean: [], low: [], high: [], count: [] };
    this.recentLimit = RECENT;
    this.isInChart = false;
    this.search = this.key.toLowerCase();
  }

  setUnit(unit) {
    this.unit = unit;
    this.search = `${this.key} ${this.name} ${unit}`.toLowerCase();
  }

  /** Sets the latest reading; false if it is older than what is known. */
  set(value, time) {
    if (this.time !== null && time < this.time) return false;
    this.value = value;
    this.time = time;
    if (typeof value === "number") this.decimals = Math.max(this.decimals, decimalsOf(value));
    return true;
  }

  /** Adds readings that were received: the latest, how many they are, and what they have in common. */
  receive(value, time, readings, [mean = value, low = value, high = value], slotMs) {
    const gap = this.time === null ? 0 : (time - this.time) / readings;
    if (!this.set(value, time)) return;
    this.first ??= time;
    if (gap > 0) this.interval = this.interval ? this.interval + (gap - this.interval) * 0.2 : gap;
    if (typeof value !== "number" && typeof value !== "boolean") return;
    this.fillSlot(Math.floor(time / slotMs), Number(value));
    this.addRecent(time, readings, Number(mean), Number(low), Number(high));
  }

  addRecent(time, readings, mean, low, high) {
    const { recent } = this;
    recent.time.push(time);
    recent.mean.push(mean);
    recent.low.push(low);
    recent.high.push(high);
    recent.count.push(readings);
    if (recent.time.length > 2 * this.recentLimit) this.dropRecent(recent.time.length - this.recentLimit);
  }

  dropRecent(many) {
    for (const column of Object.values(this.recent)) column.splice(0, many);
  }

  /** Drops readings up to a time: the store has them. */
  forgetRecent(through) {
    const { time } = this.recent;
    let many = 0;
    while (many < time.length && time[many] <= through) many += 1;
    if (many) this.dropRecent(many);
  }

  /** Sets a slot of the last hour, where slots are counted from 1970. */
  fillSlot(slot, value) {
    if (!this.slots) {
      this.slots = new Float32Array(SLOTS).fill(NaN);
      this.lastSlot = slot;
    }
    const ahead = slot - this.lastSlot;
    if (ahead >= SLOTS) this.slots.fill(NaN);
    else if (ahead > 0) {
      this.slots.copyWithin(0, ahead);
      this.slots.fill(NaN, SLOTS - ahead);
    }
    this.lastSlot = Math.max(slot, this.lastSlot);
    const at = SLOTS - 1 - (this.lastSlot - slot);
    if (at >= 0) this.slots[at] = value;
  }

  /** Returns for how long there was no reading. */
  age(now) {
    return this.time === null ? Infinity : now - this.time;
  }

  /** Whether readings should have come meanwhile. */
  isSilent(now) {
    const usual = this.interval ? this.interval * SILENT_INTERVALS : SILENT_UNKNOWN;
    return this.age(now) > Math.max(usual, SILENT_AT_LEAST);
  }
}

/** Returns the text that names a series in addresses and requests. A topic holds no `#`. */
export function keyOf(topic, metric) {
  return metric === null || metric === undefined ? topic : `${topic}#${metric}`;
}
