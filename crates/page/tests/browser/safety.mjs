import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DEADLINE, Sub, open, scratch, until, untilText } from "./world.mjs";

const HOSTILE = "<img src=x onerror=alert(1)>";

export const tests = {
  "a hostile topic is text in each view": async ({ watch }) => {
    const sub = await Sub.start(["--store", `sqlite:${join(scratch, "hostile.db")}`]);
    try {
      await sub.publish("-t", HOSTILE, "-m", "1.5");
      await sub.publish("-t", HOSTILE, "-m", `<script>alert(1)</script>`);
      const page = watch(await open(sub.url));
      await until(page, () => document.querySelectorAll(".rows .number").length >= 1);
      assert.ok((await page.textContent(".rows")).includes(HOSTILE));
      await page.locator(".rows .row").first().click();
      await untilText(page, ".legend tbody", /onerror=alert/);
      await page.click("nav >> text=Health");
      await untilText(page, ".rejections:not(.alerts)", /onerror=alert/);
      assert.equal(await page.locator("main img, main script").count(), 0);
    } finally {
      await sub.stop();
    }
  },

  "a page with a password lets nobody in without it": async ({ watch }) => {
    const file = join(scratch, "password.txt");
    writeFileSync(file, "geheim\n");
    const sub = await Sub.start(["--store", "none", "--page-password-file", file], { page: "0.0.0.0:0" });
    try {
      const url = sub.url.replace("0.0.0.0", "127.0.0.1");
      assert.equal((await fetch(url)).status, 401);
      assert.equal((await fetch(`${url}api/events`)).status, 401);
      await sub.publishLines(["a/b 7.5"]);
      const page = watch(await open(url, { httpCredentials: { username: "ada", password: "geheim" } }));
      await until(page, () => document.querySelector(".rows")?.textContent.includes("7.5"));
      await sub.line(/(HTTP does not encrypt)/);
    } finally {
      await sub.stop();
    }
  },

  "another site cannot ask": async () => {
    const sub = await Sub.start(["--store", "none"]);
    try {
      const answer = await fetch(`${sub.url}api/series`, { headers: { "sec-fetch-site": "cross-site" }, signal: AbortSignal.timeout(DEADLINE) });
      assert.ok([403, 404].includes(answer.status));
      assert.equal(answer.headers.get("access-control-allow-origin"), null);
      assert.match(answer.headers.get("content-security-policy"), /default-src 'none'/);
    } finally {
      await sub.stop();
    }
  },
};
