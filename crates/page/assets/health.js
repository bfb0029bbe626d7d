// The view of the program's state: what became of the messages, the broker, the store, rejections.

import { AlertHistory } from "./alert-list.js";
import { el, setText } from "./dom.js";
import { age, bytes, count, dateTime, duration, number } from "./format.js";
import { model } from "./model.js";
import { RateLine } from "./rate-line.js";

const TERMS = [
  ["stored", "stored", "In the store, or only printed"],
  ["spooled", "spooled", "On this disk, on the way to the store"],
  ["in_flight", "in flight", "Received, not on a disk yet"],
  ["rejected", "rejected", "Not a reading, kept with the reason"],
  ["duplicates", "duplicates", "Delivered again, stored once"],
  ["skipped", "skipped", "Left out by options"],
];

export class HealthView {
  constructor(main) {
    this.main = main;
    this.listener = () => this.show();
    for (const name of ["health", "state"]) model.addEventListener(name, this.listener);
    this.build();
    this.show();
    this.loadRejections();
  }

  close() {
    for (const name of ["health", "state"]) model.removeEventListener(name, this.listener);
    this.alerts.close();
    this.isClosed = true;
  }

  setParams() {}

  build() {
    this.state = el("section", { class: "card verdict", "aria-label": "State" });
    this.stateTitle = el("h2");
    this.stateText = el("p");
    this.state.append(el("span", { class: "dot big" }), el("div", {}, this.stateTitle, this.stateText));
    this.rates = el("section", { class: "card", "aria-labelledby": "rates-title" }, el("h2", { id: "rates-title", text: "Throughput" }));
    this.rateLines = [["received", "Received"], ["stored", "Stored"]].map(([name, text]) => {
      const value = el("span", { class: "big-number", text: "–" });
      const line = new RateLine();
      this.rates.append(el("div", { class: "rate-row" }, el("span", { class: "muted", text }), value, line.element));
      return { name, value, line };
    });
    this.equation = el("section", { class: "card wide", "aria-labelledby": "equation-title" }, el("h2", { id: "equation-title", text: "What became of each message" }));
    this.total = el("p", { class: "equation" });
    this.terms = TERMS.map(([name, text, title]) => {
      const value = el("td", { class: "term-value" });
      const bar = el("span", { class: `bar-fill ${name}` });
      const row = el("tr", { class: "term" }, el("th", { scope: "row" }, text, el("small", { text: title })), el("td", { class: "bar-cell" }, el("span", { class: "bar-track" }, bar)), value);
      return { name, value, bar, row };
    });
    this.equation.append(this.total, el("table", { class: "terms" }, el("tbody", {}, ...this.terms.map(({ row }) => row))));
    this.broker = this.facts("Broker");
    this.store = this.facts("Store");
    this.spool = this.facts("Spool");
    this.program = this.facts("Program");
    this.rejections = el("section", { class: "card wide", "aria-labelledby": "rejections-title" }, el("h2", { id: "rejections-title", text: "Rejections" }));
    this.rejectionList = el("div", { class: "rejections", tabindex: "0", role: "group", "aria-labelledby": "rejections-title" });
    this.rejections.append(this.rejectionList);
    this.alerts = new AlertHistory();
    this.main.append(
      el("h1", { class: "hidden", text: "Health" }),
      el("div", { class: "cards" }, this.state, this.rates, el("div", { class: "facts" }, this.broker.element, this.store.element, this.spool.element, this.program.element), this.alerts.element, this.equation, this.rejections),
    );
  }

  facts(title) {
    const id = `facts-${title.toLowerCase()}`;
    const list = el("dl");
    return { list, element: el("section", { class: "card", "aria-labelledby": id }, el("h2", { id, text: title }), list) };
  }

  setFacts(card, facts) {
    card.element.hidden = !facts;
    if (!facts) return;
    const shown = facts.filter(([, value]) => value !== null && value !== undefined);
    const text = JSON.stringify(shown);
    if (card.text === text) return;
    card.text = text;
    card.list.replaceChildren(
      ...shown.flatMap(([name, value, kind]) => [el("dt", { text: name }), el("dd", { text: value, class: kind ?? "" })]),
    );
  }

  show() {
    const { health } = model;
    if (!health) return this.verdict("", "Loading …", "");
    this.showVerdict(health);
    const { broker, store, spool, commits, messages } = health;
    this.setFacts(this.broker, broker && [
      ["Address", broker.address.endsWith(":0") ? null : broker.address],
      ["Connection", broker.embedded ? "in this process" : broker.connected ? "connected" : "not connected", broker.connected ? "good" : "bad"],
      ["Reconnects", count(broker.reconnects)],
      ["Refused filters", broker.refused_filters ? count(broker.refused_filters) : null, "bad"],
    ]);
    this.setFacts(this.store, store ? [
      ["Name", store.name],
      ["State", store.up === null ? "read only" : store.up ? "accepts readings" : "away", store.up === false ? "bad" : "good"],
      ["Commits", commits ? count(commits.count) : null],
      ["Mean time of a commit", commits?.count ? `${number(commits.mean_seconds * 1000, 2)} ms` : null],
    ] : [["State", "nothing is stored (--store none)"]]);
    this.setFacts(this.spool, spool && [
      ["Size", `${bytes(spool.bytes)} of ${bytes(spool.limit_bytes)}`, spool.full ? "bad" : ""],
      ["Waiting", messages ? count(messages.spooled) : null],
      ["Oldest", spool.oldest_seconds === null ? "–" : duration(spool.oldest_seconds * 1000)],
      ["Failed deliveries", count(spool.failed_deliveries)],
    ]);
    this.setFacts(this.program, [
      ["Version", health.program],
      ["Series on this page", count(model.series.size)],
      ["Readings beyond the live table", health.left_out ? count(health.left_out) : null, "bad"],
      ["Clock", dateTime(health.now)],
    ]);
    this.equation.hidden = !messages;
    this.rates.hidden = !messages;
    if (messages) {
      this.showEquation(messages);
      this.showRates();
    }
    this.showRejections(health.rejections);
  }

  verdict(state, title, text) {
    this.state.dataset.state = state;
    setText(this.stateTitle, title);
    setText(this.stateText, text);
  }

  showVerdict({ stuck, waits_for: waits, store, broker }) {
    if (model.state === "lost") this.verdict("bad", "No connection to the program", "The numbers below are from before.");
    else if (stuck) this.verdict("bad", "A part makes no progress", stuck);
    else if (waits) this.verdict("warn", "Waiting", sentence(waits));
    else if (store?.up === false) this.verdict("warn", "The store is away", "Readings are kept on this disk until it is back.");
    else if (broker?.refused_filters) this.verdict("warn", "The broker refuses subscriptions", "Messages of the refused filters do not arrive.");
    else this.verdict("good", "All is well", broker ? "Readings are received and kept." : "The store can be read.");
  }

  showEquation(messages) {
    const found = messages.found ? ` + ${count(messages.found)} found in the spool` : "";
    setText(this.total, `${count(messages.received)} received${found}`);
    const total = Math.max(1, messages.received + messages.found);
    for (const { name, value, bar } of this.terms) {
      setText(value, count(messages[name]));
      bar.style.width = messages[name] ? `max(3px, ${(messages[name] / total) * 100}%)` : "0";
    }
  }

  showRates() {
    for (const { name, value, line } of this.rateLines) {
      const rates = [];
      for (let at = 1; at < model.history.length; at += 1) {
        const [before, after] = [model.history[at - 1], model.history[at]];
        const seconds = (after.now - before.now) / 1000;
        if (seconds > 0) rates.push(Math.max(0, (after.messages[name] - before.messages[name]) / seconds));
      }
      const last = rates.slice(-3);
      const mean = last.reduce((sum, rate) => sum + rate, 0) / Math.max(1, last.length);
      setText(value, last.length ? `${mean < 10 ? number(mean, 1) : count(mean)}/s` : "–");
      line.show(rates);
    }
  }

  async loadRejections() {
    if (!model.hasStore()) return;
    try {
      const response = await fetch("api/rejections");
      if (!response.ok || this.isClosed) return;
      this.storedRejections = (await response.json()).rejections;
      this.show();
    } catch {
      // Those since the start are shown in any case.
    }
  }

  showRejections(recent) {
    const known = new Set(recent.map(({ reason }) => reason));
    const older = (this.storedRejections ?? []).filter(({ reason }) => !known.has(reason));
    const list = [...recent, ...older];
    const text = JSON.stringify(list);
    if (text === this.rejectionText) return;
    this.rejectionText = text;
    if (!list.length) {
      this.rejectionList.replaceChildren(el("p", { class: "muted", text: "None. Messages that are not readings would be listed here with their reason." }));
      return;
    }
    const head = (name) => el("th", { scope: "col", text: name });
    const row = (one) => el("tr", {}, el("td", { class: "reason", text: one.reason }), el("td", { class: "topic", text: one.topic }), el("td", { class: "num", text: count(one.count) }), el("td", { class: "num", text: dateTime(one.time), title: `${age(model.now() - one.time)} ago` }));
    this.rejectionList.replaceChildren(
      el("table", {}, el("thead", {}, el("tr", {}, head("Reason"), head("Last topic"), head("Messages"), head("Last"))), el("tbody", {}, ...list.map(row))),
    );
  }
}

function sentence(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}.`;
}
