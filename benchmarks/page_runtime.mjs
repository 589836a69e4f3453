// How fast a page answers for a view, beside onnxruntime-web, in one process.
//
//   npm install onnxruntime-web
//   node benchmarks/page_runtime.mjs my_steels.html my_steels.onnx
//
// Both files by `eanet export` of one run. One thread each, in WebAssembly.
// Prints milliseconds a view, the median [least, greatest] of rounds in turn.

import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import vm from "node:vm";
import zlib from "node:zlib";

const ROUNDS = 7;
const [, , page, network] = process.argv;
const text = fs.readFileSync(page, "utf8");

function part(id) {
  const start = text.indexOf(`id="${id}">`) + `id="${id}">`.length;
  return text.slice(start, text.indexOf("</script>", start));
}
const bytesOf = (id) => new Uint8Array(Buffer.from(part(id), "base64"));

let answered;
globalThis.self = { postMessage: (answer) => answered(answer) };
vm.runInThisContext(part("worker"));
const ask = (question) => new Promise((resolve) => {
  answered = resolve;
  globalThis.self.onmessage({ data: { id: 0, ...question } });
});
const model = JSON.parse(part("model"));
await ask({
  kernels: bytesOf("kernels"),
  network: JSON.parse(part("network")),
  model,
  weights: new Uint8Array(zlib.gunzipSync(bytesOf("weights"))),
});

// From the folder that npm installed it in.
const find = createRequire(path.join(process.cwd(), "here.js"));
const ort = find("onnxruntime-web/wasm");
ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create(
  new Uint8Array(fs.readFileSync(network)), { executionProviders: ["wasm"] });

const side = model.before.image_px;
const image = new Uint8Array(side * side).map((_, i) => (i * 7919) % 256);
const ways = {
  "the page": () => ask({ image }),
  "onnxruntime-web": () => session.run({
    images: new ort.Tensor("uint8", image, [1, side, side, 1]),
  }),
};
const times = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
for (let round = 0; round <= ROUNDS; round++) {
  for (const [name, run] of Object.entries(ways)) {
    const begun = performance.now();
    await run();
    if (round) times[name].push(performance.now() - begun); // the first compiles
  }
}
for (const [name, found] of Object.entries(times)) {
  found.sort((a, b) => a - b);
  const [low, middle, high] = [found[0], found[ROUNDS >> 1], found.at(-1)]
    .map(Math.round);
  console.log(`| ${name} | ${middle} [${low}, ${high}] |`);
}
