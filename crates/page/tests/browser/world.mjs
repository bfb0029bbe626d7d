// Starts what the tests of the page need: iot-sub with a page, iot-pub, Chromium.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const programs = process.env.IOT_PROGRAMS;
const modules = createRequire(join(process.env.IOT_PAGE_MODULES, "package.json"));
const { chromium } = modules("playwright-core");
export const axePath = modules.resolve("axe-core/axe.min.js");
export const DEADLINE = 30_000;

/** A folder with the page's files, to try changes without a build. */
const assets = process.env.IOT_PAGE_ASSETS;

async function serveFromFolder(route) {
  const file = join(assets, new URL(route.request().url()).pathname);
  if (!existsSync(file)) return route.continue();
  const response = await route.fetch();
  const type = file.endsWith(".js") ? "text/javascript" : "text/css";
  return route.fulfill({ status: 200, headers: { ...response.headers(), "content-type": type, "content-encoding": "identity" }, body: readFileSync(file) });
}

/** A folder for the files of a test. */
export const scratch = mkdtempSync(join(tmpdir(), "iot-page-"));
const running = new Set();

/** A program that serves a page. */
class Served {
  constructor(program, args) {
    this.child = spawn(join(programs, program), args, { cwd: scratch, stdio: ["ignore", "ignore", "pipe"] });
    this.stderr = "";
    this.child.stderr.on("data", (text) => {
      this.stderr += text;
    });
    running.add(this.child);
    this.ended = new Promise((resolve) => this.child.on("exit", resolve));
    this.ended.then(() => running.delete(this.child));
  }

  /** Waits for a line on stderr, and returns what the pattern has in brackets. */
  async line(pattern) {
    const find = () => this.stderr.match(pattern)?.[1];
    if (!find()) await this.wait(find);
    return find();
  }

  /** Waits until its messages satisfy a condition. */
  wait(isDone) {
    return new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(`${why}: ${this.stderr}`));
      const timer = setTimeout(() => fail("a program does not print what is expected"), DEADLINE);
      this.child.stderr.on("data", () => {
        if (!isDone()) return;
        clearTimeout(timer);
        resolve();
      });
      this.child.on("exit", () => fail("a program has ended"));
    });
  }

  async stop() {
    this.child.kill("SIGTERM");
    await this.ended;
  }

  get address() {
    return this.url.match(/\/\/([^/]+)/)[1];
  }
}

/** iot-view page. */
export class View extends Served {
  static async start(args) {
    const view = new View("iot-view", ["page", "127.0.0.1:0", ...args]);
    view.url = await view.line(/the page is at (\S+)/);
    return view;
  }
}

/** iot-sub with an embedded broker and a page. */
export class Sub extends Served {
  static async start(args = [], { listen = "127.0.0.1:0", page = "127.0.0.1:0" } = {}) {
    const sub = new Sub("iot-sub", ["--embedded", "--listen", listen, ...(page ? [`--page=${page}`] : []), "-t", "#", ...args]);
    if (page) sub.url = await sub.line(/the page is at (\S+)/);
    sub.listen = await sub.line(/broker listens on (\S+)/);
    return sub;
  }

  get port() {
    return this.listen.split(":").at(-1);
  }

  /** Runs iot-pub to its end. */
  publish(...args) {
    return run("iot-pub", ["-p", this.port, "-q", "1", ...args]);
  }

  /** Publishes an hour of readings of a topic, as JSON with a time, one each ten seconds. */
  publishHour(topic, model, seed = "1") {
    const start = new Date(Date.now() - 3_600_000).toISOString();
    const template = '{"value": {{value}}, "at": "{{now}}"}';
    return this.publish("-t", topic, "--model", model, "--precision", "2", "--seed", seed, "--start", start, "--speed", "max", "--interval", "10s", "--count", "360", "--payload-template", template);
  }

  /** Publishes one reading, as JSON with the time of now. */
  publishNow(topic, value) {
    return this.publish("-t", topic, "-m", JSON.stringify({ value, at: new Date().toISOString() }));
  }

  /** Publishes lines `TOPIC PAYLOAD`. */
  publishLines(lines) {
    return run("iot-pub", ["-p", this.port, "-q", "1", "-l", "--topic-from-line"], lines.join("\n"));
  }
}

/** Options under which readings have the times of their payloads. */
export const withTimes = ["--value-key", "/value", "--time-key", "/at"];

function run(program, args, input = "") {
  return new Promise((resolve, reject) => {
    const child = spawn(join(programs, program), args, { stdio: ["pipe", "ignore", "pipe"] });
    let stderr = "";
    child.stderr.on("data", (text) => {
      stderr += text;
    });
    child.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`${program}: ${stderr}`))));
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}

let browser;

/** Opens a page, and collects what goes wrong in it. */
export async function open(url, options = {}) {
  browser ??= await chromium.launch({ executablePath: process.env.CHROMIUM ?? "chromium", args: ["--no-sandbox"] });
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, acceptDownloads: true, ...options });
  context.setDefaultTimeout(DEADLINE);
  const page = await context.newPage();
  page.faults = [];
  page.on("pageerror", (error) => page.faults.push(error.stack));
  page.on("dialog", (dialog) => {
    page.faults.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("console", (message) => {
    // A program that is being restarted is no fault of the page.
    const isNetwork = /ERR_|Failed to load resource|MIME type/.test(message.text());
    if (message.type() === "error" && !isNetwork) page.faults.push(message.text());
  });
  page.on("request", (request) => {
    const { host, protocol } = new URL(request.url());
    const isOwn = host === new URL(url).host || ["blob:", "data:"].includes(protocol);
    if (!isOwn) page.faults.push(`loads ${request.url()}`);
  });
  if (assets) await page.route(/\.(js|css)$/, (route) => serveFromFolder(route));
  await page.goto(url);
  return page;
}

/** Waits until a function in the page returns something true. */
export function until(page, condition, argument) {
  return page.waitForFunction(condition, argument, { timeout: DEADLINE, polling: 50 });
}

/** Waits until an element has a text. */
export async function untilText(page, selector, pattern) {
  await until(page, ([css, source]) => new RegExp(source).test(document.querySelector(css)?.textContent ?? ""), [selector, pattern.source]);
}

export async function closeAll() {
  await browser?.close();
  for (const child of running) child.kill("SIGKILL");
  rmSync(scratch, { recursive: true, force: true });
}
