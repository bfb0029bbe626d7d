// Runs the tests of the page in Chromium; arguments select those with a word in their names. `scripts/test-page` calls it.

import assert from "node:assert/strict";
import { closeAll } from "./world.mjs";

const files = ["units", "readings", "chart", "health", "alerts", "safety", "reconnecting", "accessibility", "sizes", "view"];
const words = process.argv.slice(2);
let [passed, failed] = [0, 0];

for (const file of files) {
  const { tests } = await import(`./${file}.mjs`);
  for (const [name, test] of Object.entries(tests)) {
    if (words.length && !words.some((word) => `${file} ${name}`.includes(word))) continue;
    const pages = [];
    try {
      await test({ watch: (page) => (pages.push(page), page) });
      for (const page of pages) assert.deepEqual(page.faults, []);
      passed += 1;
      console.log(`test ${file}: ${name} ... ok`);
    } catch (error) {
      failed += 1;
      console.log(`test ${file}: ${name} ... FAILED\n${error.stack}`);
    } finally {
      for (const page of pages) await page.context().close();
    }
  }
}

await closeAll();
console.log(`test result: ${failed ? "FAILED" : "ok"}. ${passed} passed; ${failed} failed; 0 ignored: scripts/test-page`);
process.exit(failed || !passed ? 1 : 0);
