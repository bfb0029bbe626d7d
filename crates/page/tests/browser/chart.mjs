import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Sub, open, scratch, until, untilText, withTimes } from "./world.mjs";

const cells = (page) => page.$$eval(".legend tbody tr", (all) => all.map((row) => [...row.cells].map((cell) => cell.innerText.trim())));
const minOf = (page) => page.$eval(".legend tbody tr td:nth-child(3)", (cell) => cell.innerText);

/** A store with an hour of two sensors. */
async function withHour(watch, run, query = "s=home/temp&s=home/hum&last=1h") {
  const store = join(scratch, `chart-${Math.random()}.db`);
  const sub = await Sub.start(["--store", `sqlite:${store}`, ...withTimes]);
  try {
    await sub.publishHour("home/temp", "sine(21,2,1h,0)");
    await sub.publishHour("home/hum", "walk(50,0.2,40,60)", "2");
    const page = watch(await open(`${sub.url}#/chart?${query}`));
    await until(page, () => document.querySelector(".legend tbody td:nth-child(3)")?.innerText.match(/\d/));
    await run(page, sub);
  } finally {
    await sub.stop();
  }
}

async function box(page) {
  return page.locator(".u-over").boundingBox();
}

export const tests = {
  "a chart shows stored readings, and live ones join without a gap": ({ watch }) =>
    withHour(watch, async (page, sub) => {
      const [[name, , low, , high]] = await cells(page);
      assert.equal(name, "home/temp");
      assert.deepEqual([low, high], ["19.00", "23.00"]);
      await sub.publishNow("home/temp", 30);
      await until(page, () => document.querySelector(".legend tbody td:nth-child(5)").innerText === "30.00");
      // Asked for again, the reading is a stored one, and still one.
      const count = () => page.evaluate(() => performance.getEntriesByType("resource").filter((one) => one.name.includes("api/buckets")).length);
      const before = await count();
      await page.click("text=15 min");
      await until(page, (known) => performance.getEntriesByType("resource").filter((one) => one.name.includes("api/buckets")).length > known, before);
      const download = page.waitForEvent("download");
      await page.click("text=CSV");
      const text = readFileSync(await (await download).path(), "utf8");
      assert.equal(text.split("\n").filter((line) => /^home\/temp,,30(\.0)?,/.test(line)).length, 1, text.slice(0, 300));
    }),

  "dragging and the wheel zoom, and the address holds the range": ({ watch }) =>
    withHour(watch, async (page) => {
      const { x, y, width, height } = await box(page);
      await page.mouse.move(x + width * 0.25, y + height / 2);
      await page.mouse.down();
      await page.mouse.move(x + width * 0.5, y + height / 2, { steps: 4 });
      await page.mouse.up();
      await until(page, () => location.hash.includes("from="));
      const range = () => page.evaluate(() => {
        const params = new URLSearchParams(location.hash.split("?")[1]);
        return [Date.parse(params.get("from")), Date.parse(params.get("to"))];
      });
      const [from, to] = await range();
      assert.ok(Math.abs(to - from - 900_000) < 30_000, `${to - from}`);
      assert.equal(await page.getAttribute(".live", "aria-pressed"), "false");
      await page.mouse.wheel(0, 500);
      await until(page, (old) => {
        const params = new URLSearchParams(location.hash.split("?")[1]);
        return Date.parse(params.get("to")) - Date.parse(params.get("from")) > old * 1.5;
      }, to - from);
      const title = await page.innerText(".range-text");
      const same = watch(await open(page.url()));
      await untilText(same, ".range-text", new RegExp(title.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
      await until(same, () => document.querySelectorAll(".legend tbody tr").length === 2);
      await page.click(".live");
      await until(page, () => location.hash.includes("last="));
    }),

  "the cursor shows exact values, also by keyboard": ({ watch }) =>
    withHour(watch, async (page) => {
      const { x, y, width, height } = await box(page);
      await page.mouse.move(x + width / 2, y + height / 2);
      await untilText(page, ".legend th.at", /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/);
      const [[, value]] = await cells(page);
      assert.match(value, /^[12]\d\.\d\d/);
      await page.mouse.move(x, y - 60);
      await untilText(page, ".legend th.at", /^Latest$/);
      await page.focus(".canvas");
      await page.keyboard.press("Shift+ArrowLeft");
      await untilText(page, ".legend th.at", /^\d{4}-/);
      const before = await page.innerText(".legend th.at");
      await page.keyboard.press("Shift+ArrowLeft");
      await until(page, (old) => document.querySelector(".legend th.at").innerText !== old, before);
      await page.keyboard.press("+");
      await until(page, () => location.hash.includes("last=30m"));
      await page.keyboard.press("ArrowLeft");
      await until(page, () => location.hash.includes("from="));
      await page.keyboard.press("l");
      await until(page, () => location.hash.includes("last="));
    }),

  "series are added by name and removed": ({ watch }) =>
    withHour(watch, async (page) => {
      await page.fill("[role=combobox]", "hum");
      await page.waitForSelector("[role=option]");
      await page.keyboard.press("Enter");
      await until(page, () => document.querySelectorAll(".legend tbody tr").length === 2);
      assert.match(page.url(), /s=home%2Ftemp&s=home%2Fhum/);
      await page.click('[aria-label="Remove home/temp"]');
      await until(page, () => document.querySelectorAll(".legend tbody tr").length === 1);
    }, "s=home/temp&last=1h"),

  "CSV and PNG have what is shown": ({ watch }) =>
    withHour(watch, async (page) => {
      const csv = page.waitForEvent("download");
      await page.click("text=CSV");
      const text = readFileSync(await (await csv).path(), "utf8");
      const lines = text.trim().split("\n");
      assert.equal(lines[0], "topic,metric,value,unit,time");
      assert.ok(lines.length > 700 && lines.length <= 721, `${lines.length}`);
      const png = page.waitForEvent("download");
      await page.click("text=PNG");
      const download = await png;
      assert.match(download.suggestedFilename(), /^home-temp-home-hum-\d{4}-\d\d-\d\d\.png$/);
      const bytes = readFileSync(await download.path());
      assert.equal(bytes.subarray(1, 4).toString(), "PNG");
      assert.ok(bytes.length > 10_000);
    }),

  "all of the time is one click away": ({ watch }) =>
    withHour(watch, async (page) => {
      await page.click("text=1 min");
      await until(page, () => location.hash.includes("last=1m"));
      await page.click("text=All");
      await until(page, () => document.querySelector(".legend tbody td:nth-child(3)").innerText === "19.00");
    }, "s=home/temp&last=1m".replace("last=1m", "last=1h")),

  "without a store a chart begins with what arrives": async ({ watch }) => {
    const sub = await Sub.start(["--store", "none"]);
    try {
      await sub.publishLines(["a/b 1.5"]);
      const page = watch(await open(`${sub.url}#/chart?s=a/b&last=1m`));
      await untilText(page, ".chart-note", /Nothing is stored/);
      await sub.publishLines(["a/b 2.5"]);
      await until(page, () => document.querySelector(".legend tbody td:nth-child(5)")?.innerText === "2.5");
      await until(page, () => document.querySelector(".chart-note")?.hidden);
    } finally {
      await sub.stop();
    }
  },
};
