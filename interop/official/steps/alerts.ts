/** Alerts of the cluster: administrators raise and quiet them, people read them at their login. */
import { expectRan, expectThat, type Step } from "../step.ts";

/** The steps. */
export const alertSteps: readonly Step[] = [
  {
    name: "tctl alerts create, ls and ack; tsh login shows the alert",
    async run({ desk, cluster }) {
      const person = await cluster.addUser("alerted", ["access", "editor"]);
      await desk.logout();
      expectRan(await desk.login(person));
      const text = "the cluster rests on Sunday";
      expectRan(await desk.tctl("alerts", "create", "--severity=high", text));
      expectRan(await desk.tctl("alerts", "ls"), { shows: [text, "HIGH"] });
      await desk.logout();
      expectRan(await desk.login(person), { shows: [text] });
      const { stdout } = await desk.tctl("alerts", "ls", "--format=json");
      const listed = JSON.parse(stdout) as { metadata?: { name?: string } }[];
      const id = listed[0]?.metadata?.name ?? "";
      expectThat(id !== "", stdout);
      expectRan(await desk.tctl("alerts", "ack", id, "--reason=known", "--ttl=1h"), {
        shows: ["Successfully acknowledged"],
      });
      expectRan(await desk.tctl("alerts", "ack", "ls"), { shows: [id, "known"] });
      expectRan(await desk.tctl("alerts", "ls"), { shows: ["no alerts"] });
      expectRan(await desk.tctl("alerts", "ack", "--clear", id));
      expectRan(await desk.tctl("alerts", "ls"), { shows: [text] });
    },
  },
  {
    name: "tsh status shows an alert",
    async run({ desk, cluster }) {
      const text = "the cluster rests on Monday";
      await cluster.admin("alerts", "create", "--severity=high", text);
      expectRan(await desk.tsh("status"), { shows: [text] });
    },
  },
];
