/**
 * `npm run guide [v14|v13]`: plays the guide as a narrated tour against a cluster of its own with a virtual TPM. Ends with
 * 0 only when every line that the programs printed is the one that the transcript beside `tools/guide/` expects.
 */
import process from "node:process";
import { type Guide, guides, playGuide } from "./guide/play.ts";

const wanted = process.argv.slice(2);
const unknown = wanted.find((name) => !(guides as readonly string[]).includes(name));
if (unknown !== undefined) {
  process.stderr.write(`ERROR: there is no guide "${unknown}"; there are ${guides.join(", ")}\n`);
  process.exit(2);
}

const print = (line: string) => void process.stdout.write(`${line}\n`);
const problems: string[] = [];
for (const guide of wanted.length > 0 ? (wanted as Guide[]) : guides) {
  problems.push(...(await playGuide(guide, print)));
}
if (problems.length === 0) print("\nEvery line was as the guide says.");
for (const problem of problems) process.stderr.write(`\nDIFFERENT: ${problem}\n`);
process.exit(problems.length === 0 ? 0 : 1);
