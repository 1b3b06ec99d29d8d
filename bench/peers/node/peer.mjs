// Reads a page with openai-node, like its README's example for images. Arguments and output are those of package peer.
import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import { createInterface } from "node:readline";
import OpenAI from "openai";

const [url, file, atOnce, calls] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "peer" });
const type = { ".png": "image/png", ".jpg": "image/jpeg" }[extname(file)];

async function call() {
  const image = await readFile(file);
  const image_url = { url: `data:${type};base64,${image.toString("base64")}` };
  const answer = await client.chat.completions.create({
    model: "lightonai/LightOnOCR-2-1B",
    messages: [{ role: "user", content: [{ type: "image_url", image_url }] }],
    temperature: 0.2,
    top_p: 0.9,
    max_tokens: 4096,
  });
  if (!answer.choices[0].message.content) throw new Error("an answer without text");
}

async function all(n) {
  const took = [];
  let left = n;
  const one = async () => {
    while (left-- > 0) {
      const begun = performance.now();
      await call();
      took.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: Number(atOnce) }, one));
  return took;
}

await all(Number(atOnce)); // connections and pools
console.log("warm");
const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
await input.next();
console.log(JSON.stringify(await all(Number(calls))));
await input.next(); // stay alive until this process's usage has been read
process.exit(0);
