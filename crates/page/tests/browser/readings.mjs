import assert from "node:assert/strict";
import { join } from "node:path";
import { Sub, open, scratch, until, untilText, withTimes } from "./world.mjs";

const rows = (page) => page.$$eval(".rows .row:not([hidden])", (all) => all.map((row) => row.textContent));

async function withThree(watch, run) {
  const sub = await Sub.start(["--store", `sqlite:${join(scratch, `readings-${Math.random()}.db`)}`, ...withTimes]);
  try {
    for (const [topic, value] of [["home/kitchen/temp", 21.5], ["home/kitchen/humidity", 48], ["lab/freezer", -18.2]]) {
      await sub.publishNow(topic, value);
    }
    const page = watch(await open(sub.url));
    await until(page, () => document.querySelectorAll(".rows .number").length >= 3);
    await run(page, sub);
  } finally {
    await sub.stop();
  }
}

export const tests = {
  "the latest values are shown and change without a reload": ({ watch }) =>
    withThree(watch, async (page, sub) => {
      const text = (await rows(page)).join("\n");
      for (const expected of ["kitchen2 series", "humidity48", "temp21.5", "lab/freezer−18.2"]) assert.ok(text.includes(expected), text);
      await page.evaluate(() => {
        window.isSamePage = true;
      });
      await sub.publishNow("home/kitchen/temp", 22.75);
      await until(page, () => document.querySelector(".rows").textContent.includes("22.75"));
      await sub.publishNow("attic/new", 1);
      await until(page, () => document.querySelector(".rows").textContent.includes("attic"));
      assert.ok(await page.evaluate(() => window.isSamePage));
    }),

  "search, list and order select what is shown, and the address holds it": ({ watch }) =>
    withThree(watch, async (page) => {
      await page.click("text=List");
      await until(page, () => document.querySelector(".rows").textContent.includes("home/kitchen/temp"));
      await page.fill("input[type=search]", "KITCHEN temp");
      await until(page, () => document.querySelector(".rows").getAttribute("aria-rowcount") === "1");
      assert.match(page.url(), /view=list&q=KITCHEN\+temp/);
      const same = watch(await open(page.url()));
      await until(same, () => document.querySelector(".rows")?.getAttribute("aria-rowcount") === "1");
      await page.fill("input[type=search]", "nowhere");
      await untilText(page, ".empty", /No match/);
    }),

  "everything can be done by keyboard": ({ watch }) =>
    withThree(watch, async (page) => {
      await page.keyboard.press("/");
      assert.equal(await page.evaluate(() => document.activeElement.type), "search");
      await page.focus(".rows");
      await page.keyboard.press("Home");
      const active = () => page.evaluate(() => document.getElementById(document.querySelector(".rows").getAttribute("aria-activedescendant")).innerText);
      assert.match(await active(), /kitchen/);
      await page.keyboard.press("ArrowLeft");
      await until(page, () => document.querySelector(".rows .row:not([hidden])")?.getAttribute("aria-expanded") === "false");
      await page.keyboard.press("ArrowRight");
      await until(page, () => document.querySelector(".rows .row:not([hidden])")?.getAttribute("aria-expanded") === "true");
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press(" ");
      await untilText(page, ".tray", /1 series selected/);
      await page.keyboard.press("End");
      await page.keyboard.press("Enter");
      await until(page, () => location.hash === "#/chart?s=lab%2Ffreezer");
    }),

  "several series are selected for one chart": ({ watch }) =>
    withThree(watch, async (page) => {
      for (const name of ["temp", "lab/freezer"]) await page.locator(".rows .row", { hasText: name }).locator(".check").click();
      await page.click("text=Show chart");
      await until(page, () => document.querySelectorAll(".legend tbody tr").length === 2);
    }),

  "a sensor that has become silent stands out": ({ watch }) =>
    withThree(watch, async (page, sub) => {
      for (let count = 0; count < 4; count += 1) await sub.publishNow("home/kitchen/temp", 20 + count);
      await until(page, () => [...document.querySelectorAll(".row.silent")].some((row) => row.innerText.includes("temp")));
      await page.click("text=Silent");
      await until(page, () => document.querySelector(".rows").textContent.includes("silent"));
    }),

  "all series share what is kept of them without a store": async ({ watch }) => {
    const sub = await Sub.start(["--store", "none"]);
    try {
      const page = watch(await open(sub.url));
      // They come one after another, so the first was alone for a while.
      for (const first of [0, 10, 20]) {
        const lines = Array.from({ length: 10 }, (_, at) => `many/${first + at} 1`);
        await sub.publishLines(lines);
        await until(page, (count) => document.querySelector(".summary").textContent.includes(`${count} series`), first + 10);
      }
      const limits = await page.evaluate(async () => {
        const { model } = await import("/model.js");
        return [...model.series.values()].map((series) => series.recentLimit);
      });
      assert.deepEqual([...new Set(limits)], [Math.floor(400_000 / 30)]);
    } finally {
      await sub.stop();
    }
  },

  "text and JSON are shown as they are": async ({ watch }) => {
    const sub = await Sub.start(["--store", "none", "--payload", "text"]);
    try {
      await sub.publishLines(["a/text on & <b>off</b>", 'a/json {"x":[1,2]}', "a/bool true"]);
      const page = watch(await open(sub.url));
      await until(page, () => document.querySelectorAll(".rows .number").length >= 3);
      const text = (await rows(page)).join("\n");
      for (const expected of ["on & <b>off</b>", '{"x":[1,2]}', "true"]) assert.ok(text.includes(expected), text);
    } finally {
      await sub.stop();
    }
  },
};
