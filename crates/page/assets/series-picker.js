// A field that finds series by name and adds one to the chart.

import { el } from "./dom.js";
import { model } from "./model.js";
import { sortSeries } from "./topic-tree.js";

const SHOWN = 8;

export class SeriesPicker {
  constructor(add) {
    this.add = add;
    this.found = [];
    this.active = -1;
    this.input = el("input", {
      type: "search",
      placeholder: "Add a series",
      role: "combobox",
      "aria-label": "Add a series to the chart",
      "aria-expanded": "false",
      "aria-controls": "picker-list",
      "aria-autocomplete": "list",
      autocomplete: "off",
      spellcheck: "false",
      on: {
        input: () => this.find(),
        focus: () => this.find(),
        keydown: (event) => this.key(event),
        blur: () => this.hide(),
      },
    });
    this.list = el("ul", { id: "picker-list", role: "listbox", "aria-label": "Series", class: "picker-list", hidden: true });
    this.element = el("div", { class: "picker" }, this.input, this.list);
  }

  close() {
    this.hide();
  }

  find() {
    const words = this.input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (series) => words.every((word) => series.search.includes(word));
    this.found = sortSeries([...model.series.values()].filter(fits)).slice(0, SHOWN);
    this.active = this.found.length && words.length ? 0 : -1;
    this.show();
  }

  show() {
    const options = this.found.map((series, at) =>
      el("li", {
        id: `picker-${at}`,
        role: "option",
        "aria-selected": String(at === this.active),
        text: series.key,
        // Before the field loses the focus.
        on: { pointerdown: (event) => { event.preventDefault(); this.choose(at); } },
      }),
    );
    this.list.replaceChildren(...options);
    this.list.hidden = options.length === 0;
    this.input.setAttribute("aria-expanded", String(options.length > 0));
    if (this.active >= 0) this.input.setAttribute("aria-activedescendant", `picker-${this.active}`);
    else this.input.removeAttribute("aria-activedescendant");
  }

  hide() {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  choose(at) {
    const series = this.found[at];
    if (!series) return;
    this.input.value = "";
    this.hide();
    this.add(series.key);
  }

  key(event) {
    const last = this.found.length - 1;
    if (event.key === "ArrowDown") this.active = this.active >= last ? 0 : this.active + 1;
    else if (event.key === "ArrowUp") this.active = this.active <= 0 ? last : this.active - 1;
    else if (event.key === "Enter") return this.choose(Math.max(this.active, 0));
    else if (event.key === "Escape") return this.hide();
    else return;
    event.preventDefault();
    this.show();
  }
}
