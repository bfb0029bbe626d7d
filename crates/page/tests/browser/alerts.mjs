import assert from "node:assert/strict";
import { join } from "node:path";
import { Sub, open, scratch, until, untilText } from "./world.mjs";

export const tests = {
  "a firing alert is shown above the readings, at its series, and in the history": async ({ watch }) => {
    const args = ["--store", `sqlite:${join(scratch, "alerts.db")}`, "--alert", "<b>hot<-b>: a/b > 30"];
    const sub = await Sub.start(args);
    try {
      await sub.publishLines(["a/b 31", "a/c 1"]);
      const page = watch(await open(sub.url));
      await untilText(page, ".firing h2", /^1 alert firing/);
      // The name of an alert is data: it is never read as HTML.
      await untilText(page, ".firing li", /<b>hot<-b>.*a\/b.*31 \(> 30\)/);
      assert.equal(await page.locator(".firing b, .row b").count(), 0);
      await untilText(page, ".row .alert:not(:empty)", /<b>hot<-b>/);
      await page.click(".firing a[href='#/health']");
      await untilText(page, ".alerts", /Now.*firing.*a\/b.*History.*firing.*a\/b/s);
      await sub.publishLines(["a/b 1"]);
      await untilText(page, ".alerts", /All alerts are ok.*History.*ok.*firing/s);
      await page.click("nav a[data-view=readings]");
      await until(page, () => document.querySelector(".firing")?.hidden);
    } finally {
      await sub.stop();
    }
  },
};
