// Takes the pictures of the documentation, into the folder that is given. `scripts/page-picture` calls it.

import { join } from "node:path";
import { Sub, closeAll, open, scratch, until, withTimes } from "./world.mjs";

const SENSORS = [
  ["home/living-room/temperature", "sine(21.4,1.1,45m,0.04)"],
  ["home/living-room/humidity", "sine(46,5,40m,0.2)"],
  ["home/bedroom/temperature", "sine(18.6,0.9,1h,0.04)"],
  ["home/kitchen/temperature", "sine(20.6,1.7,25m,0.06)"],
  ["home/cellar/freezer", "sine(-18.4,1.2,15m,0.1)"],
  ["home/power", "steps(180,420,950,240,10m)+normal(0,15)"],
];
const folder = process.argv[2];

const sub = await Sub.start(["--store", `sqlite:${join(scratch, "picture.db")}`, ...withTimes]);
for (const [at, [topic, model]] of SENSORS.entries()) await sub.publishHour(topic, model, String(at + 1));
await sub.publishNow("home/cellar/freezer", -18.37);

const readings = await open(sub.url, { viewport: { width: 1200, height: 560 } });
await until(readings, () => document.querySelectorAll(".rows .spark-line[d*=L]").length >= 6);
await readings.screenshot({ path: join(folder, "page-readings.png") });

const keys = ["home/living-room/temperature", "home/kitchen/temperature", "home/bedroom/temperature"];
const query = new URLSearchParams([...keys.map((key) => ["s", key]), ["last", "1h"]]);
const chart = await open(`${sub.url}#/chart?${query}`, { viewport: { width: 1200, height: 840 } });
await until(chart, () => [...document.querySelectorAll(".legend tbody td:nth-child(3)")].every((cell) => /\d/.test(cell.innerText)));
const { x, y, width, height } = await chart.locator(".u-over").boundingBox();
await chart.mouse.move(x + width * 0.62, y + height * 0.4);
await until(chart, () => document.querySelector(".legend th.at").innerText !== "Latest");
await chart.screenshot({ path: join(folder, "page.png") });

await sub.stop();
await closeAll();
