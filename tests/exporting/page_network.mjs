// Answers by page/network.js for the cases in a folder: see its test.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [, , page, folder] = process.argv;
const load = (name) => import(pathToFileURL(path.join(page, name)));
const { Network, unpackWeights } = await load("network.js");
const kernels = fs.readFileSync(path.join(page, "kernels.wasm"));
const found = {};
for (const name of fs.readdirSync(folder)) {
  const read = (file) => fs.readFileSync(path.join(folder, name, file));
  const network = JSON.parse(read("network.json"));
  const weights = unpackWeights(read("weights"), network.weights);
  const made = await Network.create(kernels, network, weights);
  const images = read("images");
  const size = network.side ** 2;
  found[name] = [];
  for (let at = 0; at < images.length; at += size) {
    const answer = made.look(images.subarray(at, at + size), true);
    const { maps, constants } = answer.evidence;
    found[name].push({
      probabilities: [...answer.probabilities],
      novelty: answer.novelty,
      features: answer.features && [...answer.features],
      maps: maps.map((each) => [...each]),
      constants: [...constants],
    });
  }
}
console.log(JSON.stringify(found));
