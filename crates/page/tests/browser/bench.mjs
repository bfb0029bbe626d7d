// Measures the aims of the page. `scripts/bench page` calls it.

import { spawn } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Sub, View, closeAll, open, programs, scratch, until } from "./world.mjs";

const at = process.argv.indexOf("--minutes");
const minutes = at < 0 ? 30 : Number(process.argv[at + 1]);
const ROUNDS = 3;
const SERIES = 10_000;
const RATE = 50_000;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
const percent = (part) => `${(part * 100).toFixed(1)} %`;

function report(what, is, aim, reached) {
  console.log(`${what}: ${is} (aim: ${aim}, ${reached ? "reached" : "missed"})`);
}

/** Returns the seconds of a processor that a program has taken. */
function cpu(child) {
  const fields = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Publishes at a rate for some seconds, and returns what iot-pub reports. */
function load(sub, rate, seconds, ...args) {
  return new Promise((resolve, reject) => {
    const child = spawn(join(programs, "iot-pub"), ["-p", sub.port, "--rate", `${rate}/s`, "--for", `${seconds}s`, "--report", "text", ...args], { stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (more) => (text += more));
    child.on("exit", () => {
      // Until the last acknowledgement.
      const [, count] = text.match(/(\d+) sent/) ?? [];
      const [, rate] = text.match(/rate:\s+([\d.]+)\/s/) ?? [];
      if (rate) resolve({ rate: Number(rate), count: Number(count) });
      else reject(new Error(text));
    });
  });
}

async function shown(pages) {
  for (const page of pages) await until(page, () => document.querySelectorAll(".rows .number").length > 3);
}

/** Reads what the page reads while it is open, and shows nothing. */
function readEvents(sub) {
  return spawn("curl", ["-sN", "-o", "/dev/null", `${sub.url}api/events`], { stdio: "ignore" });
}

async function throughput() {
  const kinds = { nobody: [], "three readers of the page's events": [], "three browsers": [] };
  const used = structuredClone(kinds);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const kind of Object.keys(kinds)) {
      const sub = await Sub.start(["--store", `sqlite:${join(scratch, `load-${round}-${Object.keys(kinds).indexOf(kind)}.db`)}`, "-q", "1"]);
      const three = [1, 2, 3];
      const readers = kind.includes("readers") ? three.map(() => readEvents(sub)) : [];
      const pages = [];
      if (kind.includes("browsers")) for (const _ of three) pages.push(await open(sub.url));
      // More than it can store: iot-pub ends when all is acknowledged.
      const publish = () => load(sub, 250_000, 8, "-q", "1", "-M", "1000", "--devices", "100", "--connections", "4", "-t", "load/{device}");
      const before = cpu(sub.child);
      const published = publish();
      await shown(pages);
      const { rate, count } = await published;
      kinds[kind].push(rate);
      used[kind].push(((cpu(sub.child) - before) * 1e6) / count);
      for (const page of pages) await page.context().close();
      for (const reader of readers) reader.kill();
      await sub.stop();
    }
  }
  const alone = median(kinds.nobody);
  console.log(`messages/s without a page open: ${alone.toFixed(0)} (${kinds.nobody.map((rate) => rate.toFixed(0)).join(" ")}), ${median(used.nobody).toFixed(2)} µs of a processor each`);
  for (const [kind, rates] of Object.entries(kinds).slice(1)) {
    const left = median(rates) / alone;
    const each = `${median(used[kind]).toFixed(2)} µs each`;
    report(kind, `${left.toFixed(2)} of the messages/s are left (${rates.map((rate) => (rate / alone).toFixed(2)).join(" ")}), ${each}`, "0.95", left >= 0.95);
  }
}

/** Returns the share of a core that iot-sub takes, and messages/s, while somebody does something. */
async function manySeries(page, during) {
  const sub = await Sub.start(["--store", "none", "-q", "0"], { page });
  const seconds = 20 + during.seconds;
  const publish = load(sub, RATE, seconds, "-q", "0", "--devices", String(SERIES), "--connections", "4", "-t", "plant/{device}/value");
  const opened = await during.open(sub);
  await sleep(8000);
  const [before, start] = [cpu(sub.child), performance.now()];
  await during.run(opened);
  const share = ((cpu(sub.child) - before) * 1000) / (performance.now() - start);
  const { rate } = await publish;
  await opened?.context().close();
  await sub.stop();
  return { share, rate };
}

async function browserCost() {
  const nobody = { seconds: 15, open: async () => null, run: () => sleep(15_000) };
  const without = await manySeries(null, nobody);
  const seconds = minutes * 60;
  const heaps = [];
  let scripts = 0;
  const watching = {
    seconds,
    open: async (sub) => {
      const page = await open(sub.url);
      await shown([page]);
      return page;
    },
    run: async (page) => {
      const devtools = await page.context().newCDPSession(page);
      await devtools.send("Performance.enable");
      const metrics = async () => Object.fromEntries((await devtools.send("Performance.getMetrics")).metrics.map(({ name, value }) => [name, value]));
      const first = await metrics();
      const samples = 12;
      for (let sample = 0; sample < samples; sample += 1) {
        await sleep((seconds * 1000) / samples);
        await devtools.send("HeapProfiler.collectGarbage");
        heaps.push((await metrics()).JSHeapUsedSize / 1e6);
      }
      const last = await metrics();
      scripts = (last.ScriptDuration - first.ScriptDuration) / (last.Timestamp - first.Timestamp);
    },
  };
  const with_ = await manySeries("127.0.0.1:0", watching);
  const server = with_.share - without.share;
  const what = `${SERIES} series at ${with_.rate.toFixed(0)} messages/s`;
  report(`${what}, the server's side`, `${percent(server)} of a core (${percent(with_.share)} with a browser, ${percent(without.share)} without a page)`, "15 %", server <= 0.15);
  report(`${what}, the browser's scripts`, `${percent(scripts)} of a core`, "30 %", scripts <= 0.3);
  const third = heaps.length / 3;
  const mean = (part) => part.reduce((sum, one) => sum + one, 0) / part.length;
  const growth = mean(heaps.slice(-third)) / mean(heaps.slice(third, 2 * third));
  report(`${what}, the browser's heap over ${minutes} minutes`, `${heaps.map((heap) => heap.toFixed(1)).join(" ")} MB`, "stable", growth < 1.05);
}

/** Returns after how many milliseconds a click on a range has its chart on the screen. */
function clicked(page, label) {
  return page.evaluate((text) => {
    const cell = () => document.querySelector(".legend tbody td:nth-child(3)").innerText;
    const before = cell();
    const start = performance.now();
    document.querySelector(`.spans button[aria-label="${text}"]`).click();
    return new Promise((resolve) => {
      const look = () => {
        if (cell() === before) requestAnimationFrame(look);
        // What was drawn in this frame is on the screen in the next one.
        else requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - start)));
      };
      look();
    });
  }, label);
}

async function chartOfYear() {
  const store = join(scratch, "year.db");
  await new Promise((resolve, reject) => {
    const fill = spawn(join(programs, "bench-view"), ["--fill", store, "--readings", "15768000"], { stdio: ["ignore", "inherit", "inherit"] });
    fill.on("exit", (code) => (code === 0 ? resolve() : reject(new Error("bench-view --fill"))));
  });
  const view = await View.start(["--store", `sqlite:${store}`]);
  const page = await open(`${view.url}#/chart?s=plant/line/temperature&last=1m`);
  const times = [];
  for (let round = 0; round < 7; round += 1) {
    await page.click('.spans button[aria-label="Last 1 min"]');
    await until(page, () => location.hash.includes("last=1m"));
    await sleep(1000);
    times.push(await clicked(page, "Last 1 y"));
  }
  const size = (statSync(store).size / 1e9).toFixed(1);
  report(`chart of a year of 15,768,000 readings (a file of ${size} GB)`, `${median(times).toFixed(0)} ms after the click (${times.map((time) => time.toFixed(0)).join(" ")})`, "300 ms", median(times) <= 300);
  await page.context().close();
  await view.stop();
}

async function size() {
  const sub = await Sub.start(["--store", "none"]);
  const page = await open(sub.url);
  await page.goto(`${sub.url}#/chart`);
  await page.goto(`${sub.url}#/health`);
  await sleep(1000);
  const sizes = await page.evaluate(() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")].filter((one) => !one.name.includes("/api/")).map((one) => one.encodedBodySize));
  const all = sizes.reduce((sum, one) => sum + one, 0) / 1000;
  report("the page", `${all.toFixed(1)} kB compressed, in ${sizes.length} files`, "150 kB", all <= 150);
  await page.context().close();
  await sub.stop();
}

const parts = { size, chart: chartOfYear, throughput, cost: browserCost };
const wanted = process.argv.slice(2).filter((argument) => argument in parts);

try {
  for (const name of wanted.length ? wanted : Object.keys(parts)) await parts[name]();
} finally {
  await closeAll();
}
