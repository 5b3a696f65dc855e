import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { decodeListResponse, encodeListRequest, listPath } from "#client/cluster/node-codec.ts";
import { AuthService } from "#gen/proto/authservice_pb.ts";
import {
  ListUnifiedResourcesRequestSchema,
  ListUnifiedResourcesResponseSchema,
} from "#gen/proto/listing_pb.ts";

const labels = fc.dictionary(fc.string(), fc.string(), { maxKeys: 4, noNullPrototype: true });

test("the path is that of the generated service", () => {
  const { parent, name } = AuthService.method.listUnifiedResources;
  assert.equal(listPath, `/${parent.typeName}/${name}`);
});

test("every request reads back as the generated message", () => {
  fc.assert(
    fc.property(
      labels.filter((all) => !Object.hasOwn(all, "__proto__")),
      fc.string(),
      fc.array(fc.string()),
      fc.string(),
      (wanted, predicate, search, startKey) => {
        const bytes = encodeListRequest({ labels: wanted, predicate, search }, 1000, startKey);
        const message = fromBinary(ListUnifiedResourcesRequestSchema, bytes);
        assert.deepEqual(
          { ...message.Labels },
          Object.fromEntries(Object.entries(wanted).map(([k, v]) => [k, v])),
        );
        assert.deepEqual(
          [message.Kinds, message.Limit, message.StartKey, message.PredicateExpression],
          [["node"], 1000, startKey, predicate],
        );
        assert.deepEqual(message.SearchKeywords, search);
        assert.equal(message.SortBy?.Field, "name");
      },
    ),
  );
});

/** A response of the generated type with one node and one resource of another kind. */
function response() {
  return toBinary(
    ListUnifiedResourcesResponseSchema,
    create(ListUnifiedResourcesResponseSchema, {
      Resources: [
        { resource: { case: "KubeCluster", value: { Kind: "kube_cluster" } } },
        {
          Logins: ["root"],
          resource: {
            case: "Node",
            value: {
              Kind: "node",
              SubKind: "openssh",
              Version: "v2",
              Metadata: {
                Name: "id",
                Namespace: "default",
                Labels: { env: "dev", ["__proto__"]: "x" },
                Expires: { seconds: 1_763_726_400n, nanos: 500_000_000 },
                Revision: "r1",
              },
              Spec: {
                Addr: "10.0.0.7:22",
                Hostname: "node",
                CmdLabels: { load: { Period: 60n, Command: ["uptime"], Result: "0.1" } },
                UseTunnel: true,
                Version: "18.0.0",
                Rotation: {},
                ProxyIDs: ["p"],
              },
            },
          },
        },
      ],
      NextKey: "more",
    }),
  );
}

test("a response of the generated type is read, other kinds and fields are passed over", () => {
  const { nodes, nextKey } = decodeListResponse(response());
  assert.equal(nextKey, "more");
  assert.equal(nodes.length, 1);
  const [node] = nodes;
  assert.deepEqual({ ...node?.metadata.labels }, { env: "dev", ["__proto__"]: "x" });
  assert.deepEqual(
    JSON.parse(JSON.stringify({ ...node, metadata: { ...node?.metadata, labels: 0 } })),
    {
      kind: "node",
      sub_kind: "openssh",
      version: "v2",
      metadata: { name: "id", labels: 0, expires: "2025-11-21T12:00:00.500Z", revision: "r1" },
      spec: {
        addr: "10.0.0.7:22",
        hostname: "node",
        cmd_labels: { load: { command: ["uptime"], result: "0.1" } },
        use_tunnel: true,
        version: "18.0.0",
      },
    },
  );
});

test("every truncation is read in part or refused as malformed", () => {
  const bytes = response();
  let refused = 0;
  for (let length = 0; length < bytes.length; length++) {
    try {
      decodeListResponse(bytes.subarray(0, length));
    } catch (error) {
      assert.ok(isFault(error, "malformed"), String(error));
      refused++;
    }
  }
  assert.ok(refused > bytes.length / 2);
});

test("any bytes are read or refused as malformed, at once", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decodeListResponse(bytes);
      } catch (error) {
        assert.ok(isFault(error, "malformed"), String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

test("an inner length that reaches over its message is refused", () => {
  assert.throws(
    () => decodeListResponse(Uint8Array.of(0x0a, 0x02, 0x1a, 0x7f)),
    (error) => isFault(error, "malformed"),
  );
});
