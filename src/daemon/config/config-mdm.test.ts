/** The sections of inventory services: what they mean, and what is said about mistakes in them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JamfSettings } from "#mdm/settings.ts";
import { formatDiagnostic } from "#resource/yaml/diagnostic.ts";
import { checkConfig } from "./load.ts";

const files: Readonly<Record<string, string>> = {
  "/etc/gatehouse/secret": "s3cret\n",
  "/etc/gatehouse/empty": "\n",
};

function check(text: string) {
  return checkConfig(`version: v3\n${text}`, {
    source: "/etc/gatehouse/g.yaml",
    hostname: "machine",
    readText: (path) => {
      const found = files[path];
      if (found !== undefined) return found;
      throw Object.assign(new Error("none"), { code: "ENOENT" });
    },
  });
}

function services(text: string) {
  const checked = check(text);
  assert.ok(checked.config, checked.diagnostics.map(formatDiagnostic).join("\n"));
  return checked.config.mdm;
}

function complaints(text: string): string[] {
  return check(text).diagnostics.map((diagnostic) =>
    formatDiagnostic(diagnostic).replace("/etc/gatehouse/g.yaml:", ""),
  );
}

const jamf = `jamf_service:
  api_endpoint: https://tenant.jamfcloud.com/api/
  client_id: id
  client_secret_file: secret
`;

test("the shortest jamf_service has the published defaults", () => {
  const [service, ...others] = services(jamf);
  assert.deepEqual(others, []);
  const { credentials, ...rest } = service as JamfSettings;
  assert.ok("clientSecret" in credentials);
  assert.deepEqual([credentials.clientId, credentials.clientSecret.reveal()], ["id", "s3cret"]);
  assert.deepEqual(rest, {
    kind: "jamf",
    name: "jamf",
    apiEndpoint: "https://tenant.jamfcloud.com/api",
    syncDelayMs: 0,
    exitOnSync: false,
    unenrollOnOwnerChange: false,
    inventory: [
      {
        filter: "general.remoteManagement.managed==true",
        partialMs: 6 * 3_600_000,
        fullMs: 24 * 3_600_000,
        onMissing: "DELETE",
        pageSize: 500,
      },
    ],
  });
});

test("entries say all for themselves: 0 and -1 switch a period off, and nothing means NOOP", () => {
  const [service] = services(`${jamf}  name: main
  sync_delay: 90s
  on_owner_change: UNENROLL
  inventory:
  - filter_rsql: general.name==x
    sync_period_partial: -1
    sync_period_full: 24h
    page_size: 100
  - sync_period_partial: 6h
    sync_period_full: "0"
    on_missing: DELETE
  - sync_period_partial: 0
    sync_period_full: "-1"
    on_missing: ""
`);
  assert.equal(service?.name, "main");
  assert.equal(service.syncDelayMs, 90_000);
  assert.equal(service.unenrollOnOwnerChange, true);
  const day = 24 * 3_600_000;
  assert.deepEqual(service.inventory, [
    { filter: "general.name==x", partialMs: 0, fullMs: day, onMissing: "NOOP", pageSize: 100 },
    { filter: "", partialMs: day / 4, fullMs: 0, onMissing: "DELETE", pageSize: 500 },
    { filter: "", partialMs: 0, fullMs: 0, onMissing: "NOOP", pageSize: 500 },
  ]);
});

test("an account with a password, Intune beside it, and sections that are off", () => {
  const both = services(`jamf_service:
  api_endpoint: https://jamf.example.com:8443/api
  username: inventory
  password_file: /etc/gatehouse/secret
intune_service:
  tenant: example.onmicrosoft.com
  client_id: app
  client_secret_file: secret
`);
  assert.deepEqual(
    both.map(({ kind, name }) => [kind, name]),
    [
      ["jamf", "jamf"],
      ["intune", "intune"],
    ],
  );
  assert.equal(both[1]?.inventory[0]?.filter, "");
  assert.deepEqual(services("jamf_service: {enabled: no}\nintune_service:\n"), []);
});

test("what is wrong is said at its place", () => {
  const inventory = (lines: string) => complaints(`${jamf}  inventory:\n${lines}`);
  assert.deepEqual(complaints("jamf_service: {enabled: yes}\n"), [
    "2:15: jamf_service: needs the address of Jamf Pro (write api_endpoint: https://yourtenant.jamfcloud.com/api)",
    "2:15: jamf_service: client_id and client_secret_file are needed (both halves of a login go together)",
  ]);
  assert.deepEqual(inventory("  - {sync_period_partial: 24h, sync_period_full: 6h}\n"), [
    "7:27: jamf_service.inventory[0].sync_period_partial: partial syncs will never happen: the full ones come as often or oftener (make it shorter than sync_period_full, or 0)",
  ]);
  assert.deepEqual(inventory("  - {sync_period_partial: 0, sync_period_full: -1}\n"), [
    "7:3: jamf_service.inventory: no entry is ever synchronized (write sync_period_full: 24h)",
  ]);
  assert.deepEqual(complaints(`${jamf}  inventory: []\n`), [
    "6:14: jamf_service.inventory: no entry is ever synchronized (write sync_period_full: 24h)",
  ]);
  assert.match(
    inventory("  - {sync_period_full: 24h, on_missing: REMOVE}\n").join(),
    /^7:41: jamf_service\.inventory\[0\]\.on_missing: .*NOOP.*DELETE/,
  );
  assert.match(inventory("  - {sync_period_ful: 24h}\n").join(), /7:6: .*sync_period_full/);
  assert.match(inventory("  - {sync_period_full: -2}\n").join(), /7:24: .*is not a duration/);
  assert.match(inventory("  - {page_size: 2001}\n").join(), /7:17: .*at most 2000/);
});

test("addresses that are not https, and logins that are halves, are refused", () => {
  const wrong = [
    "http://tenant.jamfcloud.com/api",
    "tenant.jamfcloud.com/api",
    "https://user:secret@tenant.jamfcloud.com/api",
    "https://tenant.jamfcloud.com/api?x=1",
    "https://",
    "ftp://x/api",
  ];
  for (const address of wrong) {
    const said = complaints(jamf.replace(/https:\S+/, `"${address}"`));
    assert.match(said.join(), /^3:17: jamf_service\.api_endpoint: ".*" is not an https address/);
  }
  assert.match(complaints(`${jamf}  username: x\n`).join(), /6:13: .*second way to log in/);
  assert.match(complaints(jamf.replace(/ +client_secret.*\n/, "")).join(), /3:3: .*are needed/);
  assert.match(complaints(jamf.replace("file: secret", "file: nope")).join(), /5:23: .*not exist/);
  assert.match(complaints(jamf.replace("file: secret", "file: empty")).join(), /5:23: .*is empty/);
});

test("two services need two names, and one that ends the process needs it for itself", () => {
  const intune =
    "intune_service: {tenant: t, client_id: c, client_secret_file: secret, name: jamf}\n";
  assert.match(complaints(jamf + intune).join(), /6:77: .*is the name of jamf_service too/);
  const once = `${jamf}  exit_on_sync: yes\n`;
  assert.match(
    complaints(once).join(),
    /6:17: .*ends the process, and auth_service runs in it too/,
  );
  const alone =
    "auth_service: {enabled: no}\nproxy_service: {enabled: no}\nssh_service: {enabled: no}\n";
  const [service] = services(`${once}${alone}teleport: {proxy_server: "example.com:443"}\n`);
  assert.equal(service?.exitOnSync, true);
  assert.match(complaints(once + alone).join(), /proxy_server or auth_server must be named/);
});

test("the tenant and the halves of an Intune login are checked", () => {
  assert.deepEqual(complaints("intune_service: {tenant: ../x}\n"), [
    "2:17: intune_service: lacks client_id, client_secret_file (register an application in Entra ID for it)",
    "2:26: intune_service.tenant: is neither the id nor the domain of a tenant",
  ]);
});
