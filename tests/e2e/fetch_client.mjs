// Node's fetch (undici) against the proxy. Prints one JSON object; the Python test judges it.
import { createHash } from "node:crypto";

const base = process.argv[2];
const results = {};

const echo = await fetch(`${base}/echo/a%20b?q=%2F`, { headers: { "X-Node": "yes" } });
results.echo = await echo.json();

async function* pieces() {
  for (let number = 0; number < 64; number += 1) yield new Uint8Array(65536).fill(number);
}
const sent = createHash("sha256");
for await (const piece of pieces()) sent.update(piece);
const upload = await fetch(`${base}/echo`, { method: "POST", body: ReadableStream.from(pieces()), duplex: "half" });
results.upload = { ...(await upload.json()).body, expected: sent.digest("hex") };

const download = await fetch(`${base}/download/5000000`);
let bytes = 0;
for await (const piece of download.body) bytes += piece.length;
results.download = bytes;

const followed = await fetch(`${base}/redirect`);
results.followed = { url: followed.url, redirected: followed.redirected, status: followed.status };
await followed.body.cancel();

const manual = await fetch(`${base}/redirect`, { redirect: "manual" });
results.location = manual.headers.get("location");
await manual.arrayBuffer();

const login = await fetch(`${base}/login`);
results.cookies = login.headers.getSetCookie();
await login.arrayBuffer();

const compressed = await fetch(`${base}/files/page.txt`);
results.compressed = { encoding: compressed.headers.get("content-encoding"), length: (await compressed.text()).length };

const controller = new AbortController();
const stream = await fetch(`${base}/download/1000000000`, { signal: controller.signal });
await stream.body.getReader().read();
controller.abort();
results.aborted = controller.signal.aborted;

const many = await Promise.all(Array.from({ length: 100 }, (_, n) => fetch(`${base}/echo/${n}`).then((r) => r.json())));
results.many = many.every((answer, n) => answer.target === `/echo/${n}`);

console.log(JSON.stringify(results));
