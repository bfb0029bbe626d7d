// Alerts as elements: those that are firing, above the readings, and all of them with their history.

import { alerts } from "./alerts.js";
import { el } from "./dom.js";
import { age, dateTime, plural } from "./format.js";
import { model } from "./model.js";
import { keyOf } from "./series.js";

/** So many are shown above the readings. */
const SHOWN = 5;

const chart = (key) => `#/chart?${new URLSearchParams([["s", key]])}`;

function link(alert) {
  const key = keyOf(alert.topic, alert.metric);
  return el("a", { href: chart(key), text: key });
}

/** The alerts that are firing; hidden if there are none. */
export class FiringAlerts {
  constructor() {
    this.element = el("section", { class: "card firing", role: "status", "aria-label": "Firing alerts", hidden: true });
    this.listener = () => this.show();
    alerts.addEventListener("change", this.listener);
    this.show();
  }

  close() {
    alerts.removeEventListener("change", this.listener);
  }

  show() {
    const firing = alerts.current.filter((alert) => alert.state === "firing");
    this.element.hidden = firing.length === 0;
    const items = firing.slice(0, SHOWN).map((alert) => el("li", {}, el("strong", { text: alert.name }), " ", link(alert), el("span", { class: "reason", text: ` ${alert.reason}` }), el("small", { text: ` since ${dateTime(alert.since)}` })));
    const more = alerts.firing - items.length;
    this.element.replaceChildren(
      el("h2", { text: `${plural(alerts.firing, "alert")} firing` }),
      el("ul", {}, ...items),
      el("a", { href: "#/health", text: more > 0 ? `${plural(more, "more alert")}, and the history` : "History of alerts" }),
    );
  }
}

/** All alerts that are not ok, and the history. */
export class AlertHistory {
  constructor() {
    this.list = el("div", { class: "rejections alerts", tabindex: "0", role: "group", "aria-labelledby": "alerts-title" });
    this.element = el("section", { class: "card wide", "aria-labelledby": "alerts-title", hidden: true }, el("h2", { id: "alerts-title", text: "Alerts" }), this.list);
    this.listener = () => this.show();
    alerts.addEventListener("change", this.listener);
    this.show();
  }

  close() {
    alerts.removeEventListener("change", this.listener);
  }

  show() {
    const { current, history } = alerts;
    this.element.hidden = !current.length && !history.length;
    const head = (name) => el("th", { scope: "col", text: name });
    const row = (state, time, alert) => el("tr", {}, el("td", { class: state === "firing" ? "bad" : state === "ok" ? "good" : "", text: alert.repeated ? "firing again" : state }), el("td", { text: alert.name }), el("td", { class: "topic" }, link(alert)), el("td", { class: "reason", text: alert.reason }), el("td", { class: "num", text: dateTime(time), title: `${age(model.now() - time)} ago` }));
    const table = (name, rows) => el("table", {}, el("caption", { text: name }), el("thead", {}, el("tr", {}, head("State"), head("Alert"), head("Series"), head("Reason"), head(name === "Now" ? "Since" : "Time"))), el("tbody", {}, ...rows));
    this.list.replaceChildren(
      current.length ? table("Now", current.map((alert) => row(alert.state, alert.since, alert))) : el("p", { class: "good", text: "All alerts are ok." }),
      history.length ? table("History", history.map((event) => row(event.state, event.time, event))) : "",
    );
  }
}
