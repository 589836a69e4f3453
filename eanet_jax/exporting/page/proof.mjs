// Answers of a page for images, in Node: see page_proof.py.
//
//   node proof.mjs PAGE.html IMAGES SIDE < nothing > answers as JSON
//
// What runs is the worker that stands in the page, with what it finds there.

import fs from "node:fs";
import vm from "node:vm";
import zlib from "node:zlib";

const [, , page, images, side] = process.argv;
const text = fs.readFileSync(page, "utf8");

function part(id) {
  const start = text.indexOf(`id="${id}">`) + `id="${id}">`.length;
  return text.slice(start, text.indexOf("</script>", start));
}
const bytesOf = (id) => new Uint8Array(Buffer.from(part(id), "base64"));

const waiting = new Map();
globalThis.self = {
  postMessage: ({ id, ...answer }) => waiting.get(id)(answer),
};
vm.runInThisContext(part("worker"));
const ask = (id, question) => new Promise((resolve, reject) => {
  waiting.set(id, (answer) => {
    if (answer.failed === undefined) resolve(answer);
    else reject(new Error(answer.failed));
  });
  globalThis.self.onmessage({ data: { id, ...question } });
});

await ask(0, {
  kernels: bytesOf("kernels"),
  network: JSON.parse(part("network")),
  model: JSON.parse(part("model")),
  weights: new Uint8Array(zlib.gunzipSync(bytesOf("weights"))),
});
const pixels = new Uint8Array(fs.readFileSync(images));
const answers = [];
for (let at = 0; at < pixels.length; at += side ** 2) {
  const image = pixels.subarray(at, at + side ** 2);
  const { probabilities, novelty } = await ask(1, { image });
  answers.push({ probabilities: [...probabilities], novelty });
}
console.log(JSON.stringify(answers));
