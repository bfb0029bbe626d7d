import assert from "node:assert/strict";
import { join } from "node:path";
import { Sub, open, scratch, until, untilText } from "./world.mjs";

export const tests = {
  "the health view shows what became of each message": async ({ watch }) => {
    const sub = await Sub.start(["--store", `sqlite:${join(scratch, "health.db")}`]);
    try {
      await sub.publishLines(["a/b 1", "a/b 2", "a/c hello", "a/c hello"]);
      const page = watch(await open(`${sub.url}#/health`));
      await untilText(page, ".equation", /^4 received/);
      const value = (name) => page.innerText(`.term:has(.bar-fill.${name}) .term-value`);
      assert.deepEqual([await value("stored"), await value("rejected"), await value("skipped")], ["2", "2", "0"]);
      await untilText(page, ".verdict", /All is well/);
      await untilText(page, ".rejections:not(.alerts)", /a\/c/);
      const text = await page.innerText(".rejections:not(.alerts) tbody tr");
      assert.match(text, /\b2\b/);
      await sub.publishLines(["a/b 3"]);
      await untilText(page, ".equation", /^5 received/);
      await until(page, () => /\/s$/.test(document.querySelector(".big-number").textContent));
    } finally {
      await sub.stop();
    }
  },
};
