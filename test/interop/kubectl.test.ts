/**
 * kubectl as the judge: every way in which it speaks to a cluster, through the proxy and a Kubernetes agent, to a double of
 * the API server (test/support/kube-double).
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { KubeTestCluster } from "../support/kube-cluster.ts";
import { Kubectl } from "../support/kubectl.ts";
import { kubectlPrograms } from "../support/kubectl-programs.ts";

/** Both transports of streams; newer kubectl prefers WebSocket. */
const transports = {
  WebSocket: {
    KUBECTL_REMOTE_COMMAND_WEBSOCKETS: "true",
    KUBECTL_PORT_FORWARD_WEBSOCKETS: "true",
  },
  SPDY: {
    KUBECTL_REMOTE_COMMAND_WEBSOCKETS: "false",
    KUBECTL_PORT_FORWARD_WEBSOCKETS: "false",
  },
} as const;

for (const program of kubectlPrograms()) {
  suite(`kubectl ${program.name}`, () => {
    let cluster: KubeTestCluster;
    let admin: Kubectl;

    before(async () => {
      cluster = await KubeTestCluster.start();
      cluster.double.addPod("web", "front");
      cluster.double.addPod("web", "back");
      cluster.double.addPod("db", "store");
      admin = new Kubectl(cluster.kubeconfigFor(["kube-admin"]), program.path);
      await cluster.setRole("web-only", {
        allow: {
          kubernetes_labels: { env: "dev" },
          kubernetes_groups: ["system:masters"],
          kubernetes_resources: [
            { kind: "pod", namespace: "web", name: "front*", verbs: ["get", "list", "watch"] },
          ],
        },
      });
    });

    after(() => cluster?.close());

    test("get pods shows what the API server says, to whom the roles say", async () => {
      const got = await admin.run("get", "pods", "--namespace=web");
      assert.equal(got.stderr, "");
      assert.match(got.stdout, /^NAME +CREATED\nfront .*\nback /);
      const seen = cluster.double.of("list", "pods").at(-1);
      assert.equal(seen?.authenticated, "system:serviceaccount:gatehouse:agent");
      assert.deepEqual(seen?.as, { user: "alice", groups: ["system:masters"] });
      const event = await cluster.event(
        ({ event, verb }) => event === "kube.request" && verb === "list",
      );
      assert.equal(event["user"], "alice");
      assert.equal(event["resource_kind"], "pods");
      assert.equal(event["response_code"], 200);
    });

    test("a role for some pods sees these and no others, in lists, tables and one by one", async () => {
      const kubectl = new Kubectl(cluster.kubeconfigFor(["web-only"]), program.path);
      const table = await kubectl.run("get", "pods", "--all-namespaces", "--no-headers");
      assert.match(table.stdout, /^web +front .*\n$/);
      const names = await kubectl.run("get", "pods", "-n", "web", "-o", "name");
      assert.equal(names.stdout, "pod/front\n");
      const refused = await kubectl.run("get", "pod", "back", "-n", "web");
      assert.equal(refused.code, 1);
      assert.match(
        refused.stderr,
        /^Error from server \(Forbidden\): no role allows get on pods "back" in the namespace "web"\nhint: .*\nhint: the whole reason: tctl explain [0-9a-f-]{36}\n$/,
      );
    });

    test("what is applied is created, changed and deleted", async () => {
      const object = (data: object) =>
        JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c" }, data });
      const apply = ["apply", "--validate=false", "-n", "web", "-f", "-"];
      const created = await admin.feed(object({ a: "1" }), ...apply);
      assert.match(created.stdout, /^configmap\/c created/, created.stderr);
      const changed = await admin.feed(object({ a: "2" }), ...apply);
      assert.match(changed.stdout, /^configmap\/c configured/, changed.stderr);
      const got = await admin.run("get", "configmap/c", "-n", "web", "-o", "jsonpath={.data.a}");
      assert.equal(got.stdout, "2");
      const gone = await admin.run("delete", "configmap/c", "-n", "web", "--wait=false");
      assert.match(gone.stdout, /deleted/);
    });

    test("impersonation is held against the roles, and never passed on", async () => {
      await cluster.setRole("two-users", {
        allow: {
          kubernetes_labels: { "*": "*" },
          kubernetes_users: ["dev", "ops"],
          kubernetes_groups: ["system:masters"],
          kubernetes_resources: [{ kind: "*", namespace: "*", name: "*", verbs: ["*"] }],
        },
      });
      const kubectl = new Kubectl(cluster.kubeconfigFor(["two-users"]), program.path);
      const unclear = await kubectl.run("get", "pods");
      assert.match(unclear.stderr, /several Kubernetes users are allowed, and none was chosen/);
      const chosen = await kubectl.run("get", "pods", "-n", "web", "--as=ops");
      assert.equal(chosen.code, 0, chosen.stderr);
      assert.deepEqual(cluster.double.of("list", "pods").at(-1)?.as, {
        user: "ops",
        groups: ["system:masters"],
      });
      const refused = await kubectl.run("get", "pods", "--as=root");
      assert.match(refused.stderr, /no role allows to act as the Kubernetes user "root"/);
      const uid = await kubectl.run("get", "pods", "--as=ops", "--as-uid=7");
      assert.match(uid.stderr, /impersonation by impersonate-uid is not allowed here/);
    });

    test("auth can-i answers by our roles and by the cluster's own rules", async () => {
      const kubectl = new Kubectl(cluster.kubeconfigFor(["web-only"]), program.path);
      assert.equal(
        (await kubectl.run("auth", "can-i", "list", "pods", "-n", "web")).stdout,
        "yes\n",
      );
      const no = await kubectl.run("auth", "can-i", "create", "pods", "-n", "web");
      assert.match(no.stdout, /^no/);
    });

    for (const [name, env] of Object.entries(transports)) {
      test(`exec over ${name}: streams, exit code, a large input, and the session in the audit log`, async () => {
        const kubectl = new Kubectl(cluster.kubeconfigFor(["kube-admin"]), program.path, env);
        const ran = await kubectl.run(
          "exec",
          "-n",
          "web",
          "front",
          "--",
          "sh",
          "-c",
          "echo out; echo err >&2; exit 7",
        );
        assert.equal(ran.code, 7, ran.stderr);
        assert.equal(ran.stdout, "out\n");
        assert.match(ran.stderr, /^err\n/);
        const big = Buffer.alloc(3 << 20, "0123456789abcdef").toString();
        const counted = await kubectl.feed(
          big,
          "exec",
          "-i",
          "-n",
          "web",
          "front",
          "--",
          "wc",
          "-c",
        );
        assert.equal(counted.stdout.trim(), String(big.length), counted.stderr);
        const start = await cluster.event(({ event }) => event === "session.start");
        assert.deepEqual(start["initial_command"], ["sh", "-c", "echo out; echo err >&2; exit 7"]);
        assert.equal(start["kubernetes_pod_name"], "front");
        const end = await cluster.event(
          (e) => e.event === "session.end" && e["sid"] === start["sid"],
        );
        assert.equal(end["login"], "alice");
        const data = await cluster.event(
          (e) => e.event === "session.data" && e["sid"] === start["sid"],
        );
        assert.ok(Number(data["tx"]) > 0);
        cluster.events.length = 0;
      });

      test(`attach over ${name} reaches the running program`, async () => {
        const kubectl = new Kubectl(cluster.kubeconfigFor(["kube-admin"]), program.path, env);
        const ran = await kubectl.feed("hello\n", "attach", "-i", "-n", "web", "front");
        assert.match(ran.stdout, /attached\nhello\n/, ran.stderr);
      });

      test(`cp over ${name} brings a file there and back`, async (t) => {
        const folder = mkdtempSync(join(tmpdir(), "gatehouse-cp-"));
        t.after(() => rmSync(folder, { recursive: true, force: true }));
        const content = Buffer.alloc(200_000, name);
        writeFileSync(join(folder, "there"), content);
        const kubectl = new Kubectl(cluster.kubeconfigFor(["kube-admin"]), program.path, env);
        const target = `${cluster.double.folder}/${name}`;
        const put = await kubectl.run("cp", join(folder, "there"), `web/front:${target}`);
        assert.equal(put.code, 0, put.stderr);
        const got = await kubectl.run("cp", `web/front:${target}`, join(folder, "back"));
        assert.equal(got.code, 0, got.stderr);
        assert.deepEqual(readFileSync(join(folder, "back")), content);
      });

      test(`port-forward over ${name} carries connections`, async (t) => {
        const echo = createServer((socket) => socket.pipe(socket));
        await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", resolve));
        t.after(() => echo.close());
        const { port } = echo.address() as AddressInfo;
        const kubectl = new Kubectl(cluster.kubeconfigFor(["kube-admin"]), program.path, env);
        const child = kubectl.start("port-forward", "-n", "web", "pod/front", `:${port}`);
        t.after(() => child.kill());
        let said = "";
        child.stderr?.setEncoding("utf8").on("data", (text: string) => {
          said += text;
        });
        const local = await new Promise<number>((resolve, reject) => {
          child.stdout?.setEncoding("utf8").on("data", (text: string) => {
            const found = /127\.0\.0\.1:(\d+) ->/.exec(text)?.[1];
            if (found !== undefined) resolve(Number(found));
          });
          child.once("exit", () => reject(new Error(said)));
        });
        const socket = connect(local, "127.0.0.1");
        socket.write("through the pod");
        const [answer] = (await once(socket, "data")) as [Buffer];
        assert.equal(answer.toString(), "through the pod");
        socket.destroy();
        const event = await cluster.event(({ event }) => event === "port");
        assert.equal(event["addr"], "web/front");
        cluster.events.length = 0;
      });
    }

    test("logs -f shows lines as they come", async (t) => {
      cluster.double.log("first");
      const child = admin.start("logs", "-f", "-n", "web", "front");
      t.after(() => child.kill());
      const lines: string[] = [];
      await new Promise<void>((resolve) => {
        child.stdout?.setEncoding("utf8").on("data", (text: string) => {
          lines.push(...text.trim().split("\n"));
          if (lines.length === 1) cluster.double.log("second");
          if (lines.length === 2) resolve();
        });
      });
      assert.deepEqual(lines, ["first", "second"]);
    });

    test("a watch shows changes, filtered, and ends with the reason when a lock strikes", async (t) => {
      const kubectl = new Kubectl(
        cluster.kubeconfigFor(["web-only"], { username: "bob" }),
        program.path,
      );
      const child = kubectl.start("get", "pods", "-n", "web", "--watch", "--no-headers");
      t.after(() => child.kill());
      let out = "";
      const closed = once(child, "close");
      await new Promise<void>((resolve) => {
        child.stdout?.setEncoding("utf8").on("data", (text: string) => {
          if (out === "") {
            cluster.double.addPod("web", "hidden");
            cluster.double.addPod("web", "front-2");
          }
          out += text;
          if (out.includes("front-2")) resolve();
        });
      });
      await cluster.lock({ user: "bob" }, "on leave");
      await closed;
      // kubectl prints the Status of the last event as a row.
      assert.match(
        out,
        /^front .*\nfront-2 .*\nFailure +Forbidden +lock targeting User:"bob" is in force: on leave/,
      );
      assert.doesNotMatch(out, /hidden/);
    });

    test("a lock ends an exec, and a WebSocket client reads why", async (t) => {
      const file = cluster.kubeconfigFor(["kube-admin"], { username: "carol" });
      const kubectl = new Kubectl(file, program.path, transports.WebSocket);
      const child = kubectl.start(
        "exec",
        "-n",
        "web",
        "front",
        "--",
        "sh",
        "-c",
        "echo up; sleep 60",
      );
      t.after(() => child.kill());
      let err = "";
      child.stderr?.setEncoding("utf8").on("data", (text: string) => {
        err += text;
      });
      const closed = once(child, "close");
      await once(child.stdout ?? child, "data");
      await cluster.lock({ user: "carol" }, "left");
      const [code] = (await closed) as [number];
      assert.notEqual(code, 0);
      assert.match(err, /lock targeting User:"carol" is in force: left/);
      const event = await cluster.event(({ event }) => event === "client.disconnect");
      assert.match(String(event["reason"]), /lock targeting/);
    });

    test("a role that requires a device refuses without one, and says what to do", async () => {
      await cluster.setRole("with-device", {
        options: { device_trust_mode: "required" },
        allow: { kubernetes_labels: { "*": "*" }, kubernetes_groups: ["system:masters"] },
      });
      const kubectl = new Kubectl(cluster.kubeconfigFor(["with-device"]), program.path);
      const refused = await kubectl.run("get", "pods");
      assert.match(refused.stderr, /access to resource requires a trusted device/);
      assert.match(refused.stderr, /hint: .*tsh device enroll --current-device/);
      const trusted = { deviceId: "d", assetTag: "LAPTOP001", credentialId: "c" };
      const device = new Kubectl(
        cluster.kubeconfigFor(["with-device"], { device: trusted }),
        program.path,
      );
      const got = await device.run("get", "pods", "-n", "web");
      assert.equal(got.code, 0, got.stderr);
    });

    test("what cannot go on is refused in words that kubectl shows", async () => {
      const unknown = cluster.kubeconfigFor(["kube-admin"], { kubernetesCluster: "nowhere" });
      const missing = await new Kubectl(unknown, program.path).run("get", "pods");
      assert.match(missing.stderr, /no Kubernetes cluster named "nowhere" is registered/);
      const forDatabases = cluster.kubeconfigFor(["kube-admin"], { usage: ["db"] });
      const wrongUse = await new Kubectl(forDatabases, program.path).run("get", "pods");
      assert.match(wrongUse.stderr, /the certificate is not meant for this use/);
    });
  });
}
