// The page: takes files, shows answers. Everything stays on this machine.

import { baseOf, filesIn, withTexts } from "./dropped_files.js";
import { showOne } from "./one_file.js";
import { thumbnail } from "./picture.js";
import { check } from "./self_check.js";
import { asCsv, asJsonLines } from "./tables.js";
import { Workers } from "./workers.js";

const THUMBNAIL = 96; // px
const KEPT = 12; // pictures that are not read again when they are shown
const LARGEST = 2 ** 30; // bytes of a file

const part = (id) => document.getElementById(id);
const bytesOf = (id) =>
  Uint8Array.from(atob(part(id).textContent.trim()), (c) => c.charCodeAt(0));
const jsonOf = (id) => JSON.parse(part(id).textContent);

const model = jsonOf("model");
const names = model.class_names;
const rows = [];
const files = [];
const shown = new Map();
let workers;
let open = -1;

/** An element with text, which is never taken for HTML. */
function element(tag, text = "", className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = className;
  return made;
}

function say(text, isTrouble = false) {
  part("status").textContent = text;
  part("status").classList.toggle("trouble", isTrouble);
}

async function unpacked(id) {
  const stream = new Blob([bytesOf(id)]).stream();
  const plain = stream.pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(plain).arrayBuffer());
}

function told() {
  const number = (id) => {
    const text = part(id).value.trim();
    return text === "" ? null : Number(text);
  };
  return { barRows: number("bar-rows"), umPerPx: number("um-per-px") };
}

const read = async (file) => new Uint8Array(await file.arrayBuffer());

async function answerFor(i) {
  const { path, file, beside } = files[i];
  if (file.size > LARGEST) {
    return { row: { file: path, error: "larger than this page takes" } };
  }
  const texts = {};
  for (const each of beside) texts[each.name] = await read(each);
  const question = {
    bytes: await read(file), name: baseOf(path), beside: texts, told: told(),
  };
  const found = await workers.ask(question);
  found.row.file = path;
  return found;
}

/** Classifies files, as many at once as there are workers. */
async function take(chosen) {
  const some = withTexts(chosen);
  const begun = performance.now();
  const first = files.length;
  files.push(...some);
  let done = 0;
  const each = async (i) => {
    let found;
    try {
      found = await answerFor(i);
    } catch (error) {
      found = { row: { file: files[i].path, error: error.message } };
    }
    rows[i] = found.row;
    keep(i, found);
    list(i, found);
    done += 1;
    const left = ((performance.now() - begun) / done) * (some.length - done);
    const rest = left > 2000 ? `, about ${Math.round(left / 1000)} s left` : "";
    say(`${done} of ${some.length} files${rest}`);
    if (open < 0 && found.micrograph) show(i);
  };
  const next = { i: first };
  const turns = Array.from({ length: Math.min(4, some.length) }, async () => {
    while (next.i < first + some.length) await each(next.i++);
  });
  await Promise.all(turns);
  const failed = rows.filter((row) => row.error).length;
  say(`${rows.length} files${failed ? `, ${failed} of them not usable` : ""}`);
}

function keep(i, found) {
  shown.set(i, found);
  if (shown.size > KEPT) shown.delete(shown.keys().next().value);
}

/** Adds a file to the table, or puts it where it was. */
function list(i, { row, micrograph }) {
  const line = element("tr");
  line.id = `row-${i}`;
  const picture = element("td");
  if (micrograph) {
    const { image, width, height } = micrograph;
    picture.append(thumbnail(image, width, height, THUMBNAIL));
  }
  const name = element("td", "", "long");
  if (row.error) {
    name.append(element("span", row.file));
  } else {
    const button = element("button", row.file, "link");
    button.onclick = () => show(i);
    name.append(button);
  }
  line.append(picture, name);
  if (row.error) {
    const error = element("td", row.error, "trouble long");
    error.colSpan = 5;
    line.append(error);
  } else {
    const probability = row.probability.toFixed(4);
    const novelty = row.novelty === null ? "" : row.novelty.toFixed(2);
    line.append(
      element("td", row.label), element("td", probability, "n"),
      element("td", novelty, "n"),
      element("td", row.verdict, row.verdict === "known" ? "" : "doubt"),
      element("td", [row.reason, ...row.remarks].filter(Boolean).join("; "),
        "long"),
    );
  }
  part("answers").hidden = false;
  part("rows").append(line);
}

/** Shows one file with its evidence. */
async function show(i) {
  open = i;
  if (!shown.has(i)) {
    say(`reading ${files[i].path} again`);
    keep(i, await answerFor(i));
    say("");
  }
  showOne(model, shown.get(i));
}

function download(text, ending, type) {
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = `predictions.${ending}`;
  link.click();
  URL.revokeObjectURL(link.href);
}

function listen() {
  const drop = part("drop");
  for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", kind.endsWith("enter") || kind.endsWith("over"));
    });
  }
  document.addEventListener("drop", async (event) => {
    take(await filesIn(event.dataTransfer.items));
  });
  part("files").onchange = ({ target }) => {
    take([...target.files].map((file) => [file.name, file]));
    target.value = "";
  };
  part("strength").oninput = ({ target }) => {
    part("over").style.opacity = target.value;
  };
  const done = () => rows.filter(Boolean);
  const id = model.model.network_id;
  part("csv").onclick = () =>
    download(asCsv(done(), names, id), "csv", "text/csv");
  part("jsonl").onclick = () =>
    download(asJsonLines(done(), names, id), "jsonl", "application/jsonl");
}

async function begin() {
  try {
    say("unpacking the network");
    workers = new Workers(part("worker").textContent, {
      kernels: bytesOf("kernels"),
      network: jsonOf("network"),
      model,
      weights: await unpacked("weights"),
    });
    await workers.ready;
    const tests = jsonOf("tests");
    const pixels = await unpacked("test-images");
    const side = model.before.image_px;
    const off = (await check(workers, tests, pixels, side, say)).toExponential(1);
    part("checked").textContent = "When it was opened, its answers for"
      + ` ${tests.length} test images were within ${off} of the program's own.`;
    document.body.dataset.greatest = off;
    part("files").disabled = false;
    listen();
    say("ready");
    document.body.dataset.state = "ready";
  } catch (error) {
    say(`This page cannot classify: ${error.message}`, true);
    document.body.dataset.state = "failed";
  }
}

begin();
