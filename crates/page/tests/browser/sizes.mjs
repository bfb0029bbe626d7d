import assert from "node:assert/strict";
import { join } from "node:path";
import { Sub, open, scratch, until, untilText } from "./world.mjs";

const isTooWide = () => document.documentElement.scrollWidth > innerWidth;

export const tests = {
  "each view fits a phone": async ({ watch }) => {
    const sub = await Sub.start(["--store", `sqlite:${join(scratch, "phone.db")}`]);
    try {
      await sub.publishLines(["a/very/long/topic/of/a/sensor/somewhere/in/a/large/building/temperature 21.5", "b 1", "c hello"]);
      const page = watch(await open(sub.url, { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true }));
      await until(page, () => document.querySelectorAll(".rows .number").length >= 2);
      assert.equal(await page.evaluate(isTooWide), false, "readings");
      await page.locator(".rows .row", { hasText: "b" }).last().tap();
      await untilText(page, ".legend tbody", /b/);
      assert.equal(await page.evaluate(isTooWide), false, "chart");
      await page.locator("nav >> text=Health").tap();
      await untilText(page, ".equation", /3 received/);
      assert.equal(await page.evaluate(isTooWide), false, "health");
    } finally {
      await sub.stop();
    }
  },

  "on a phone one finger moves the chart and two zoom": async ({ watch }) => {
    const sub = await Sub.start(["--store", `sqlite:${join(scratch, "touch.db")}`]);
    try {
      await sub.publishLines(["a/b 1", "a/b 2"]);
      const page = watch(await open(`${sub.url}#/chart?s=a/b&last=1h`, { viewport: { width: 390, height: 800 }, hasTouch: true, isMobile: true }));
      await page.waitForSelector(".u-over");
      const { x, y } = await page.locator(".u-over").boundingBox();
      const touch = await page.context().newCDPSession(page);
      const send = (type, ...points) => touch.send("Input.dispatchTouchEvent", { type, touchPoints: points.map(([dx, dy], id) => ({ x: x + dx, y: y + dy, id })) });
      await send("touchStart", [100, 100]);
      await send("touchMove", [140, 100]);
      await send("touchMove", [220, 102]);
      await send("touchEnd");
      await until(page, () => location.hash.includes("from="));
      await page.click(".live");
      await until(page, () => location.hash.includes("last=1h"));
      await send("touchStart", [140, 100], [180, 100]);
      await send("touchMove", [100, 100], [220, 100]);
      await send("touchMove", [80, 100], [240, 100]);
      await send("touchEnd");
      await until(page, () => /last=\d/.test(location.hash) && !location.hash.includes("last=1h"));
    } finally {
      await sub.stop();
    }
  },

  "an empty page says what it waits for": async ({ watch }) => {
    const sub = await Sub.start(["--store", `sqlite:${join(scratch, "empty.db")}`]);
    try {
      const page = watch(await open(sub.url));
      await untilText(page, ".empty", /No readings yet/);
      await sub.publishLines(["a/b 1.5"]);
      await until(page, () => document.querySelector(".rows").textContent.includes("1.5"));
    } finally {
      await sub.stop();
    }
  },

  "10,000 series take few elements, and the last one is a scroll away": async ({ watch }) => {
    const sub = await Sub.start(["--store", `sqlite:${join(scratch, "many.db")}`]);
    try {
      const lines = Array.from({ length: 10_000 }, (_, at) => `plant/hall-${at % 10}/sensor-${at} ${at / 10}`);
      await sub.publishLines(lines);
      const page = watch(await open(`${sub.url}#/readings?view=list`));
      await until(page, () => document.querySelector(".rows")?.getAttribute("aria-rowcount") === "10000");
      assert.ok((await page.locator(".row").count()) < 100);
      await page.focus(".rows");
      await page.keyboard.press("End");
      await until(page, () => document.querySelector(".rows").textContent.includes("sensor-9999"));
      await sub.publishLines(["plant/hall-9/sensor-9999 123456"]);
      await until(page, () => document.querySelector(".rows").textContent.includes("123456"));
    } finally {
      await sub.stop();
    }
  },
};
