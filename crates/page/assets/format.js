// Numbers, times and rates as people read them.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Numbers are shown with so many digits, unless there are more before the point. */
const DIGITS = 6;

/** Returns how many decimals of a number are shown. */
export function decimalsOf(number) {
  if (!Number.isFinite(number) || Number.isInteger(number) || Math.abs(number) >= 1e9) return 0;
  const text = String(number);
  if (text.includes("e")) return 6;
  const point = text.indexOf(".");
  const before = text.slice(0, point).replace(/^-?0?/, "").length;
  return Math.min(text.length - point - 1, Math.max(1, DIGITS - before));
}

/** Returns a number with `decimals`, and a real minus sign. */
export function number(value, decimals = decimalsOf(value)) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  const text = size >= 1e12 || (size > 0 && size < 1e-6) ? value.toExponential(4) : value.toFixed(decimals);
  return text.replace("-", "−");
}

/** Returns a count with thin spaces between thousands. */
export function count(value) {
  return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, " ");
}

/** Returns a duration in its largest unit: `12 s`, `3 min`. */
export function duration(ms) {
  if (ms < 10 * SECOND && ms % SECOND !== 0) return `${(ms / SECOND).toFixed(1)} s`;
  if (ms >= HOUR && ms < 2 * DAY && ms % HOUR === 0) return `${ms / HOUR} h`;
  if (ms < 1.5 * MINUTE && ms !== MINUTE) return `${Math.round(ms / SECOND)} s`;
  if (ms < 1.5 * HOUR) return `${Math.round(ms / MINUTE)} min`;
  if (ms < 2 * DAY) return `${Math.round(ms / HOUR)} h`;
  return `${Math.round(ms / DAY)} d`;
}

/** Returns how long ago something was. */
export function age(ms) {
  if (ms < -5 * SECOND) return `in ${duration(Math.round(-ms / SECOND) * SECOND)}`;
  if (ms < 2 * SECOND) return "now";
  return duration(Math.round(ms / SECOND) * SECOND);
}

/** Returns how often readings come, of the time between two of them. */
export function rate(interval) {
  if (!interval || !Number.isFinite(interval)) return "";
  if (interval >= 950) return `every ${duration(interval < 10 * SECOND ? Math.round(interval / 100) * 100 : interval)}`;
  const perSecond = 1000 / interval;
  return `${perSecond < 10 ? perSecond.toFixed(1).replace(".0", "") : count(perSecond)}/s`;
}

/** Returns a number of bytes in its largest unit. */
export function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  while (value >= 1024 && at < units.length - 1) {
    value /= 1024;
    at += 1;
  }
  return `${at === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[at]}`;
}

const pad = (value, width = 2) => String(value).padStart(width, "0");

/** Returns a local date, as in `2026-06-21`. */
export function date(ms) {
  const at = new Date(ms);
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
}

/** Returns a local date and time. */
export function dateTime(ms, withMillis = false) {
  const at = new Date(ms);
  const time = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
  return `${date(ms)} ${time}${withMillis ? `.${pad(at.getMilliseconds(), 3)}` : ""}`;
}

/** Returns a number of things: `1 series`, `3 readings`. */
export function plural(number_, one, many = `${one}s`) {
  return `${count(number_)} ${number_ === 1 ? one : many}`;
}
