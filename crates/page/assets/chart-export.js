// Exports what a chart shows.

import { date, dateTime } from "./format.js";
import { model } from "./model.js";
import { colour } from "./plot.js";

function save(href, name) {
  const link = document.createElement("a");
  link.href = href;
  link.download = name;
  link.click();
}

function fileName(view, extension) {
  const [from] = view.ends();
  const name = view.keys.join("_").replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 60) || "chart";
  return `${name}-${date(from)}.${extension}`;
}

/** Saves the readings in the range: all that are stored, or those that this page has received. */
export function exportCsv(view) {
  if (!view.keys.length) return;
  const [from, to] = view.ends();
  if (model.hasStore()) {
    const params = new URLSearchParams([["from", Math.floor(from)], ["to", Math.ceil(to)], ...view.keys.map((key) => ["s", key])]);
    save(`api/export.csv?${params}`, fileName(view, "csv"));
    return;
  }
  const lines = ["topic,metric,value,unit,time"];
  for (const [at, key] of view.keys.entries()) {
    const series = model.series.get(key);
    const [times, values] = view.tables[at];
    for (const [index, time] of times.entries()) {
      if (values[index] === null || time < from || time > to) continue;
      lines.push([series.topic, series.metric ?? "", values[index], series.unit, new Date(time).toISOString()].map(cell).join(","));
    }
  }
  saveBlob(new Blob([`${lines.join("\n")}\n`], { type: "text/csv" }), fileName(view, "csv"));
}

/** A spreadsheet takes text that begins with these characters as a formula. */
function cell(value) {
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function saveBlob(blob, name) {
  const url = URL.createObjectURL(blob);
  save(url, name);
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Saves the chart as a picture, with the names of its series. */
export function exportPng(view) {
  if (!view.plot) return;
  const chart = view.plot.canvas;
  const scale = devicePixelRatio || 1;
  const line = 24 * scale;
  const head = line * (view.keys.length + 1) + 20 * scale;
  const canvas = document.createElement("canvas");
  canvas.width = chart.width;
  canvas.height = chart.height + head;
  const context = canvas.getContext("2d");
  const style = getComputedStyle(document.documentElement);
  context.fillStyle = style.getPropertyValue("--card");
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.font = `${14 * scale}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  const [from, to] = view.ends();
  context.fillStyle = style.getPropertyValue("--muted");
  context.fillText(`${dateTime(from)} – ${dateTime(to)}`, 16 * scale, 22 * scale);
  for (const [at, key] of view.keys.entries()) {
    const y = 22 * scale + line * (at + 1);
    context.fillStyle = colour(at);
    context.fillRect(16 * scale, y - 2 * scale, 18 * scale, 4 * scale);
    context.fillStyle = style.getPropertyValue("--text");
    const unit = view.units[at] ? ` (${view.units[at]})` : "";
    context.fillText(key + unit, 42 * scale, y);
  }
  context.drawImage(chart, 0, head);
  canvas.toBlob((blob) => blob && saveBlob(blob, fileName(view, "png")), "image/png");
}
