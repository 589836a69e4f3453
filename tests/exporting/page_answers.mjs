// What page/confidence.js and page/tables.js say of cases: see their test.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [, , page] = process.argv;
const load = (name) => import(pathToFileURL(path.join(page, name)));
const { setOf, significant, verdict } = await load("confidence.js");
const { asCsv, asJsonLines, columns } = await load("tables.js");
const asked = JSON.parse(fs.readFileSync(0));
console.log(JSON.stringify({
  numbers: asked.numbers.map((each) => significant(each)),
  verdicts: asked.cases.map(({ after, names, p, novelty, field }) => [
    setOf(p, after), ...verdict(p, novelty, field, after, names),
  ]),
  columns: columns(asked.names),
  csv: asCsv(asked.rows, asked.names, "abc"),
  json_lines: asJsonLines(asked.rows, asked.names, "abc"),
}));
