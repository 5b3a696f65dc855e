/** Device Trust with the official client on a virtual TPM: enrollment, device logins, the two refusals, auto-enrollment. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Computer } from "../computer.ts";
import { type Expectation, expectRan, expectThat, type Stage, type Step } from "../step.ts";

const serial = "LAPTOP01";

async function tctl({ desk }: Stage, ...words: string[]): Promise<string> {
  const ran = await desk.tctl(...words);
  expectRan(ran);
  return ran.stdout;
}

/** Stores a resource through the official tctl. */
async function store(stage: Stage, yaml: string): Promise<void> {
  const file = join(stage.desk.home, "stored.yaml");
  writeFileSync(file, yaml);
  await tctl(stage, "create", "-f", file);
}

function preference(mode: string, autoEnroll = false): string {
  return `kind: cluster_auth_preference
version: v2
metadata:
  name: cluster-auth-preference
spec:
  type: local
  second_factor: on
  webauthn:
    rp_id: localhost
  device_trust:
    mode: ${mode}
    auto_enroll: ${autoEnroll}
`;
}

async function ssh(stage: Stage, from: "desk" | "laptop", expected: Expectation): Promise<void> {
  expectRan(await stage[from].tsh("ssh", `root@${stage.cluster.nodename}`, "id -un"), expected);
}

/** What `tsh status` lists of the certificate. */
const extensions = "teleport-device-asset-tag, teleport-device-credential-id, teleport-device-id";

async function expectTrusted({ laptop }: Stage, trusted: boolean): Promise<void> {
  const [shows, hides] = trusted ? [[extensions], []] : [[], ["teleport-device"]];
  expectRan(await laptop.tsh("status"), { shows, hides });
}

let people = 0;

/** Logs somebody new in: a one-time code is good once, and nobody waits for the next. */
async function login(
  { cluster }: Stage,
  computer: Computer,
  ...moreRoles: readonly string[]
): Promise<void> {
  await computer.logout();
  const roles = ["access", "editor", "auditor", ...moreRoles];
  expectRan(await computer.login(await cluster.addUser(`person${people++}`, roles)));
}

async function removeDevice(stage: Stage): Promise<void> {
  await tctl(stage, "devices", "rm", `--asset-tag=${serial}`);
}

/** The client's own key file; without it the client takes the machine for one that was never enrolled. */
function forgetKey({ laptop }: Stage): void {
  rmSync(join(laptop.home, ".cache", "teleport-device"), { recursive: true, force: true });
}

/** The steps. */
export const deviceSteps: readonly Step[] = [
  {
    name: "tsh device asset-tag and collect",
    async run({ laptop }) {
      expectRan(await laptop.tsh("device", "asset-tag"), { shows: [serial] });
      expectRan(await laptop.tsh("device", "collect"), {
        shows: [/"serial_number": +"LAPTOP01"/, /"model_identifier": +"Test Machine"/],
      });
    },
  },
  {
    name: "tctl devices add, ls, enroll and rm",
    async run(stage) {
      const { desk } = stage;
      const add = ["devices", "add", "--os=linux", "--asset-tag=XX1"];
      expectRan(await desk.tctl(...add), { shows: ["Device XX1/Linux added to the inventory"] });
      expectRan(await desk.tctl(...add), { code: 1, shows: ["already"] });
      expectRan(await desk.tctl("devices", "ls"), {
        shows: [
          /^Asset Tag OS +(Source )?Enroll Status (Owner )?Device ID/m,
          /^XX1 +Linux +not enrolled/m,
        ],
      });
      expectRan(await desk.tctl("devices", "enroll", "--asset-tag=XX1"), {
        shows: ["The enrollment token: ", "tsh device enroll --token="],
      });
      expectRan(await desk.tctl("get", "device/XX1"), { shows: ["asset_tag: XX1"] });
      expectRan(await desk.tctl("devices", "lock", "--asset-tag=XX1", "--message=lost"), {
        shows: ["Created a lock"],
      });
      expectRan(await desk.tctl("devices", "rm", "--asset-tag=XX1"), {
        shows: ['Device "XX1" removed'],
      });
      expectRan(await desk.tctl("devices", "rm", "--asset-tag=NOPE"), {
        code: 1,
        shows: ['device "NOPE" not found'],
      });
    },
  },
  {
    name: "login on a machine that is not enrolled",
    async run(stage) {
      await login(stage, stage.laptop);
      await expectTrusted(stage, false);
      await ssh(stage, "laptop", { shows: ["root"] });
    },
  },
  {
    name: "tsh device enroll with a bad token",
    async run(stage) {
      const { laptop } = stage;
      const words = ["device", "enroll", "--token=nonsense"];
      expectRan(await laptop.tsh(...words), { code: 1, shows: ["is not registered"] });
      await tctl(stage, "devices", "add", "--os=linux", `--asset-tag=${serial}`);
      const refused = { code: 1, shows: ["invalid device enrollment token"] };
      expectRan(await laptop.tsh(...words), refused);
      await removeDevice(stage);
    },
  },
  {
    name: "tsh device enroll --current-device",
    async run({ laptop }) {
      expectRan(await laptop.tsh("device", "enroll", "--current-device"), {
        shows: [`Device "${serial}"/Linux registered and enrolled`],
      });
    },
  },
  {
    name: "the enrolled device in tctl devices ls and tctl get",
    async run(stage) {
      const { desk } = stage;
      expectRan(await desk.tctl("devices", "ls"), { shows: [/^LAPTOP01 +Linux +enrolled/m] });
      expectRan(await desk.tctl("get", `device/${serial}`), {
        shows: [
          "enroll_status: enrolled",
          /owner: person\d/,
          "tpm_ekcert_serial:",
          "collected_data:",
        ],
      });
    },
  },
  {
    name: "login with device extensions",
    async run(stage) {
      await login(stage, stage.laptop);
      await expectTrusted(stage, true);
    },
  },
  {
    name: "a role demands a device: refused without, admitted with",
    async run(stage) {
      const { nodename } = stage.cluster;
      await login(stage, stage.laptop, "require-trusted-device");
      await ssh(stage, "laptop", { shows: ["root"] });
      await login(stage, stage.desk, "require-trusted-device");
      await ssh(stage, "desk", {
        code: 1,
        shows: [`ERROR: access denied to root connecting to ${nodename}:0`],
      });
    },
  },
  {
    name: "the cluster demands a device: refused without, admitted with",
    async run(stage) {
      await login(stage, stage.desk);
      await login(stage, stage.laptop);
      await store(stage, preference("required"));
      try {
        await ssh(stage, "laptop", { shows: ["root"] });
        await ssh(stage, "desk", {
          code: 1,
          shows: ["ERROR: ssh: rejected: administratively prohibited (unauthorized device)"],
        });
      } finally {
        await store(stage, preference("optional"));
      }
    },
  },
  {
    name: "a lock on the device refuses it in the words of the public API",
    async run(stage) {
      const { desk } = stage;
      expectRan(await desk.tctl("devices", "lock", `--asset-tag=${serial}`), {
        shows: ["Created a lock"],
      });
      await ssh(stage, "laptop", { code: 1 });
      const locks = await tctl(stage, "get", "locks", "--format=json");
      for (const { metadata } of JSON.parse(locks) as { metadata: { name: string } }[]) {
        await tctl(stage, "rm", `lock/${metadata.name}`);
      }
      await ssh(stage, "laptop", { shows: ["root"] });
    },
  },
  {
    name: "tctl edit unenrolls a device: the next login has no extensions",
    async run(stage) {
      const { desk } = stage;
      const script =
        '#!/bin/sh\nexec sed -i "s/enroll_status: enrolled/enroll_status: not_enrolled/" "$1"\n';
      const editor = desk.machine.script("unenroll", script);
      expectRan(await desk.tctlWith({ EDITOR: editor }, "edit", `device/${serial}`));
      expectRan(await desk.tctl("get", `device/${serial}`), {
        shows: ["enroll_status: not_enrolled"],
        hides: ["credential:"],
      });
      await login(stage, stage.laptop);
      await expectTrusted(stage, false);
    },
  },
  {
    name: "tsh device enroll --token refuses the key of somebody else, and takes a new one",
    async run(stage) {
      const made = await tctl(stage, "devices", "enroll", `--asset-tag=${serial}`);
      const token = /The enrollment token: (\S+)/.exec(made)?.[1] ?? "";
      expectThat(token !== "", made);
      const enroll = () => stage.laptop.tsh("device", "enroll", `--token=${token}`);
      // Ours makes a new key by itself.
      if (stage.sides.client === "official") {
        expectRan(await enroll(), { code: 1, shows: ["this device needs a new key"] });
        forgetKey(stage);
      }
      expectRan(await enroll(), { shows: [`Device "${serial}"/Linux enrolled`] });
      expectRan(await enroll(), { code: 1, shows: ["invalid device enrollment token"] });
      await login(stage, stage.laptop);
      await expectTrusted(stage, true);
    },
  },
  {
    name: "auto-enrollment of a registered device at login",
    async run(stage) {
      await removeDevice(stage);
      forgetKey(stage);
      await tctl(stage, "devices", "add", "--os=linux", `--asset-tag=${serial}`);
      await store(stage, preference("optional", true));
      try {
        await login(stage, stage.laptop);
        await expectTrusted(stage, true);
        await ssh(stage, "laptop", { shows: ["root"] });
      } finally {
        await store(stage, preference("optional"));
      }
    },
  },
  {
    name: "a device that is not registered is not enrolled by itself",
    async run(stage) {
      await removeDevice(stage);
      forgetKey(stage);
      await store(stage, preference("optional", true));
      try {
        await login(stage, stage.laptop);
        await expectTrusted(stage, false);
      } finally {
        await store(stage, preference("optional"));
      }
    },
  },
  {
    name: "device trust off: login asks nothing of the TPM",
    async run(stage) {
      expectRan(await stage.laptop.tsh("device", "enroll", "--current-device"));
      await store(stage, preference("'off'"));
      try {
        await login(stage, stage.laptop);
        await expectTrusted(stage, false);
      } finally {
        await store(stage, preference("optional"));
      }
    },
  },
];
