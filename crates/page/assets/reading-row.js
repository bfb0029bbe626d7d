// A row of the readings: a group of topics, or a series with its latest reading.

import { alerts } from "./alerts.js";
import { el, setClass, setText } from "./dom.js";
import { age, number, plural, rate } from "./format.js";
import { model } from "./model.js";
import { Sparkline } from "./sparkline.js";

let made = 0;

export class ReadingRow {
  constructor(view) {
    this.view = view;
    this.item = null;
    this.index = -1;
    this.arrow = el("span", { class: "arrow", "aria-hidden": "true" });
    this.parents = el("span", { class: "parents" });
    this.label = el("span", { class: "label" });
    this.note = el("span", { class: "note" });
    this.alert = el("span", { class: "alert" });
    this.name = el("span", { class: "cell name", role: "gridcell" }, this.arrow, el("span", { class: "path" }, this.parents, this.label), this.alert, this.note);
    this.box = el("span", { class: "box", "aria-hidden": "true" });
    this.check = el("span", { class: "cell check", role: "gridcell" }, this.box);
    this.spark = new Sparkline();
    this.sparkCell = el("span", { class: "cell spark-cell", role: "gridcell" }, this.spark.element);
    this.number = el("span", { class: "number" });
    this.unit = el("span", { class: "unit" });
    this.value = el("span", { class: "cell value", role: "gridcell" }, this.number, this.unit);
    this.rate = el("span", { class: "cell rate", role: "gridcell" });
    this.age = el("span", { class: "cell age", role: "gridcell" });
    made += 1;
    this.element = el(
      "div",
      { class: "row", role: "row", id: `row-${made}`, on: { click: (event) => this.click(event) } },
      this.check,
      this.name,
      this.sparkCell,
      this.value,
      this.rate,
      this.age,
    );
  }

  click(event) {
    const { view, item } = this;
    view.active = this.index;
    if (item.group) view.toggle(item);
    else if (this.check.contains(event.target)) view.select(item.series);
    else view.open(item.series);
  }

  show(item, index) {
    if (this.item !== item) this.begin(item, index);
    this.index = index;
    const isActive = this.view.active === index && document.activeElement === this.view.body;
    setClass(this.element, "active", isActive);
    if (this.view.active === index) this.view.body.setAttribute("aria-activedescendant", this.element.id);
    if (item.series) this.showSeries(item.series);
  }

  begin(item, index) {
    this.item = item;
    this.element.setAttribute("aria-rowindex", index + 1);
    this.element.setAttribute("aria-level", item.level);
    this.element.dataset.level = Math.min(item.level, 8);
    setClass(this.element, "group", item.group);
    setClass(this.element, "is-open", item.isOpen);
    const cut = item.name.lastIndexOf("/") + 1;
    setText(this.parents, item.name.slice(0, cut));
    setText(this.label, item.name.slice(cut));
    this.name.title = item.group ?? item.series.key;
    if (item.group) {
      this.element.setAttribute("aria-expanded", String(item.isOpen));
      this.element.removeAttribute("aria-selected");
      setText(this.note, plural(item.all.length, "series", "series"));
      for (const cell of [this.number, this.unit, this.rate, this.age]) setText(cell, "");
      setText(this.alert, "");
      setClass(this.element, "silent", false);
      setClass(this.element, "selected", false);
    } else {
      this.element.removeAttribute("aria-expanded");
      setText(this.note, item.series.name);
    }
  }

  showSeries(series) {
    const now = model.now();
    const isNumber = typeof series.value === "number";
    setText(this.number, isNumber ? number(series.value, series.decimals) : String(series.value ?? "–"));
    setClass(this.value, "is-text", !isNumber);
    setText(this.unit, series.unit);
    setText(this.rate, rate(series.interval));
    const isSilent = series.isSilent(now);
    setText(this.age, series.time === null ? "" : isSilent ? `silent ${age(series.age(now))}` : age(series.age(now)));
    setClass(this.element, "silent", isSilent);
    setText(this.alert, alerts.firingOf(series.key).join(", "));
    const isSelected = this.view.selection.has(series.key);
    this.element.setAttribute("aria-selected", String(isSelected));
    setClass(this.element, "selected", isSelected);
    this.spark.show(series.slots, series.lastSlot, Math.floor(now / model.slotMs));
  }
}
