/**
 * The stories of `docs/device-lives.md`, each with the commands that stand there, real programs and real virtual TPMs: what a
 * person reads there is what a person sees here.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { parseStories } from "../support/cluster/story.ts";
import { StoryStage } from "../support/cluster/story-stage.ts";
import { Cluster } from "../support/cluster.ts";

const document = new URL("../../docs/device-lives.md", import.meta.url);
const stories = parseStories(readFileSync(document, "utf8"));
const roles = ["access", "device-enroll", "require-trusted-device"];

let cluster: Cluster;

before(async () => {
  cluster = await Cluster.start({ nodename: "node1" });
  await cluster.store("kind: cluster_auth_preference\nversion: v2\nspec:\n  second_factor: off\n");
  for (const name of ["alice", "bob"]) await cluster.addUser(name, roles);
});

after(() => cluster?.close());

test("the document tells at least the six stories that happen to every fleet", () => {
  assert.ok(stories.length >= 6);
});

for (const story of stories) {
  test(story.title, () => new StoryStage(cluster, story.title).play(story));
}
