// The range of time that a chart shows, and how the address holds it.

export const SPANS = [
  ["1m", "1 min", 60],
  ["15m", "15 min", 15 * 60],
  ["1h", "1 h", 3600],
  ["6h", "6 h", 6 * 3600],
  ["24h", "24 h", 86400],
  ["7d", "7 d", 7 * 86400],
  ["30d", "30 d", 30 * 86400],
  ["365d", "1 y", 365 * 86400],
];

const UNITS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const MIN_SPAN = 1000;
const MAX_SPAN = 100 * 365 * 86_400_000;

/** Returns the milliseconds of `90s` or `24h`, or null. */
export function parseSpan(text) {
  const match = /^(\d+(?:\.\d+)?)([smhd])$/.exec(text ?? "");
  return match ? clampSpan(Number(match[1]) * UNITS[match[2]]) : null;
}

function writeSpan(ms) {
  for (const unit of ["d", "h", "m"]) if (ms % UNITS[unit] === 0) return `${ms / UNITS[unit]}${unit}`;
  return `${Math.round(ms / 100) / 10}s`;
}

function clampSpan(span) {
  return Math.min(Math.max(span, MIN_SPAN), MAX_SPAN);
}

/** A range that ends now and moves on (`span`), or one that stays (`from`, `to`). */
export class ChartRange {
  static read(params) {
    const [from, to] = [Date.parse(params.get("from")), Date.parse(params.get("to"))];
    if (from < to) return new ChartRange({ from, to });
    return new ChartRange({ span: parseSpan(params.get("last")) ?? 3_600_000 });
  }

  constructor({ span = null, from = null, to = null }) {
    this.span = span;
    this.from = from;
    this.to = to;
  }

  get isLive() {
    return this.span !== null;
  }

  write(params) {
    for (const name of ["last", "from", "to"]) params.delete(name);
    if (this.isLive) params.set("last", writeSpan(this.span));
    else {
      params.set("from", new Date(this.from).toISOString());
      params.set("to", new Date(this.to).toISOString());
    }
  }

  /** Returns the ends at the time `now`. */
  ends(now) {
    return this.isLive ? [now - this.span, now] : [this.from, this.to];
  }

  /** Returns a range that is `factor` times as long; `anchor` stays where it is. */
  zoom(factor, anchor, now) {
    const [from, to] = this.ends(now);
    const span = clampSpan((to - from) * factor);
    if (this.isLive) return new ChartRange({ span });
    const left = anchor - ((anchor - from) / (to - from)) * span;
    return new ChartRange({ from: Math.round(left), to: Math.round(left + span) });
  }

  /** Returns a range that is moved by a part of its length. */
  move(part, now) {
    const [from, to] = this.ends(now);
    const by = Math.round((to - from) * part);
    if (to + by >= now && from + by < now) return new ChartRange({ span: to - from });
    return new ChartRange({ from: from + by, to: to + by });
  }
}
