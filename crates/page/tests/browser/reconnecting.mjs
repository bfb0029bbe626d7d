import assert from "node:assert/strict";
import { join } from "node:path";
import { Sub, open, scratch, until, untilText } from "./world.mjs";

export const tests = {
  "the page says that the program is away, and goes on after a restart": async ({ watch }) => {
    const store = ["--store", `sqlite:${join(scratch, "restart.db")}`];
    const first = await Sub.start(store);
    await first.publishLines(["a/b 1.5"]);
    const page = watch(await open(first.url));
    await until(page, () => document.querySelector(".rows")?.textContent.includes("1.5"));
    await first.stop();
    await untilText(page, "#banner", /does not answer/);
    assert.ok(await page.isVisible("#banner"));
    assert.ok((await page.textContent(".rows")).includes("1.5"));
    const second = await Sub.start(store, { page: first.address });
    try {
      await until(page, () => document.querySelector("#banner")?.hidden);
      await second.publishLines(["a/c 8.5", "a/b 2.5"]);
      await until(page, () => ["8.5", "2.5"].every((text) => document.querySelector(".rows").textContent.includes(text)));
      await untilText(page, ".connection", /Live/);
    } finally {
      await second.stop();
    }
  },
};
