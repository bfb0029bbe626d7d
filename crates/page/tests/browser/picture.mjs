// Takes the pictures of the documentation, into the folder that is given. `scripts/page-picture` calls it.

import { join } from "node:path";
import { Sub, closeAll, open, scratch, until, withTimes } from "./world.mjs";

const SENSORS = [
  ["home/living-room/temperature", "sine(21.4,1.1,1h,0.05)"],
  ["home/living-room/humidity", "sine(46,5,40m,0.2)"],
  ["home/bedroom/temperature", "sine(18.6,0.6,50m,0.05)"],
  ["home/cellar/freezer", "sine(-18.4,1.2,15m,0.1)"],
  ["home/power", "steps(180,420,950,240,10m)+normal(0,15)"],
];
const folder = process.argv[2];

const sub = await Sub.start(["--store", `sqlite:${join(scratch, "picture.db")}`, ...withTimes]);
for (const [at, [topic, model]] of SENSORS.entries()) await sub.publishHour(topic, model, String(at + 1));
const live = async () => {
  await sub.publishNow("home/living-room/temperature", 21.43);
  await sub.publishNow("home/cellar/freezer", -18.37);
};
await live();

const readings = await open(sub.url, { viewport: { width: 1200, height: 520 } });
await until(readings, () => document.querySelectorAll(".rows .spark-line[d^=M]").length >= 5);
await readings.screenshot({ path: join(folder, "page-readings.png") });

const keys = ["home/living-room/temperature", "home/bedroom/temperature", "home/cellar/freezer"];
const query = new URLSearchParams([...keys.map((key) => ["s", key]), ["last", "1h"]]);
const chart = await open(`${sub.url}#/chart?${query}`, { viewport: { width: 1200, height: 840 } });
await until(chart, () => [...document.querySelectorAll(".legend tbody td:nth-child(3)")].every((cell) => /\d/.test(cell.innerText)));
await chart.screenshot({ path: join(folder, "page.png") });

await sub.stop();
await closeAll();
