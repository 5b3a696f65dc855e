import assert from "node:assert/strict";
import { test } from "node:test";
import { apiVersion, serverVersion, splitServerVersion } from "#api/version.ts";
import { productVersion } from "#base/version.ts";

/** The grammar of Semantic Versioning 2.0.0: clients refuse anything else. */
const semver =
  /^\d+\.\d+\.\d+(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$/;

test("a server's version is one of the API, with the product's where no comparison looks", () => {
  assert.match(serverVersion, semver);
  assert.equal(serverVersion.split("+")[0], apiVersion);
  assert.deepEqual(splitServerVersion(serverVersion), { api: apiVersion, product: productVersion });
});

test("another server's version is taken as it is", () => {
  for (const version of ["18.0.0", "", "17.0.0-dev+abc", "18.0.0+gatehouse.", "+x"]) {
    assert.deepEqual(splitServerVersion(version), { api: version, product: undefined });
  }
});
