/** Process for the race test of the profile folder: saves a login again and again. */
import { saveLogin } from "#client/profile/store.ts";
import { testAuthorities, testCredentials } from "./credentials.ts";

const [folder = "", times = "1"] = process.argv.slice(2);
const credentials = [testCredentials(), testCredentials()];
const authorities = testAuthorities("main");
const document = {
  webProxyAddr: "localhost:3080",
  kubeProxyAddr: "",
  user: "alice",
  cluster: "main",
  tlsRouting: true,
  connectionUpgrade: false,
};
for (let i = 0; i < Number(times); i++) {
  const next = credentials[i % credentials.length];
  if (next !== undefined) await saveLogin(folder, document, next, authorities);
}
