import assert from "node:assert/strict";
import { join } from "node:path";
import { Sub, axePath, open, scratch, until, withTimes } from "./world.mjs";

const VIEWS = [
  ["readings", "#/readings", ".rows .number"],
  ["list", "#/readings?view=list", ".rows .number"],
  ["nothing found", "#/readings?q=nowhere", ".empty h2"],
  ["chart", "#/chart?s=home/temp&s=home/hum&last=1h", ".legend tbody tr"],
  ["chart without series", "#/chart", ".picker input"],
  ["health", "#/health", ".rejections td"],
];

/** What axe finds that is serious. */
async function faults(page) {
  await page.addScriptTag({ path: axePath });
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  const serious = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  return serious.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
}

export const tests = {
  "axe has no serious finding in any view, in light and dark, on a screen and a phone": async ({ watch }) => {
    const sub = await Sub.start(["--store", `sqlite:${join(scratch, "axe.db")}`, ...withTimes]);
    try {
      await sub.publishHour("home/temp", "sine(21,2,1h,0)");
      await sub.publishHour("home/hum", "walk(50,0.2,40,60)");
      await sub.publishLines(["home/bad hello"]);
      for (const colorScheme of ["light", "dark"]) {
        for (const viewport of [{ width: 1280, height: 860 }, { width: 390, height: 800 }]) {
          for (const [name, hash, ready] of VIEWS) {
            // The page's policy would keep axe out.
            const page = watch(await open(`${sub.url}${hash}`, { colorScheme, viewport, bypassCSP: true }));
            await until(page, (selector) => document.querySelector(selector), ready);
            assert.deepEqual(await faults(page), [], `${name}, ${colorScheme}, ${viewport.width}`);
          }
        }
      }
    } finally {
      await sub.stop();
    }
  },
};
