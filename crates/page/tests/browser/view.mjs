import assert from "node:assert/strict";
import { join } from "node:path";
import { Sub, View, open, scratch, until, untilText, withTimes } from "./world.mjs";

export const tests = {
  "iot-view page shows a store, also without iot-sub": async ({ watch }) => {
    const store = `sqlite:${join(scratch, "view.db")}`;
    const sub = await Sub.start(["--store", store, ...withTimes]);
    await sub.publishHour("home/temp", "sine(21,2,1h,0)");
    await sub.stop();
    const view = await View.start(["--store", store]);
    try {
      const page = watch(await open(view.url));
      await until(page, () => document.querySelectorAll(".rows .number").length >= 1);
      await page.locator(".rows .row", { hasText: "temp" }).click();
      await until(page, () => document.querySelector(".legend tbody td:nth-child(3)")?.innerText === "19.00");
      await untilText(page, ".connection", /Stored readings/);
      await page.click("nav >> text=Health");
      await untilText(page, ".facts", /read only/);
      assert.equal(await page.isVisible(".equation"), false);
    } finally {
      await view.stop();
    }
  },

  "iot-view page with a broker is live": async ({ watch }) => {
    const store = `sqlite:${join(scratch, "view-live.db")}`;
    const sub = await Sub.start(["--store", store]);
    await sub.publishLines(["home/temp 1.5"]);
    const view = await View.start(["--store", store, "--host", "127.0.0.1", "--port", sub.port, "-t", "home/#"]);
    try {
      const page = watch(await open(view.url));
      await until(page, () => document.querySelector(".rows")?.textContent.includes("1.5"));
      await page.click("nav >> text=Health");
      await untilText(page, ".verdict", /All is well/);
      await untilText(page, ".connection", /Live/);
      await page.click("nav >> text=Readings");
      await sub.publishLines(["home/temp 2.25", "home/new 7"]);
      await until(page, () => ["2.25", "new7"].every((text) => document.querySelector(".rows").textContent.includes(text)));
    } finally {
      await view.stop();
      await sub.stop();
    }
  },
};
