/** Objects as the tables that `kubectl get` asks for (meta.k8s.io/v1 Table): name and age are enough for tests. */
import type { StoredObject } from "./objects.ts";

const columns = [
  { name: "Name", type: "string", format: "name", description: "", priority: 0 },
  { name: "Created", type: "string", format: "", description: "", priority: 0 },
];

/** A table of these objects. Only the first message of a watch says what its columns are. */
export function tableOf(
  objects: readonly StoredObject[],
  version: string,
  options: { readonly columns: boolean; readonly include: string },
): object {
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata: { resourceVersion: version },
    columnDefinitions: options.columns ? columns : null,
    rows: objects.map((object) => ({
      cells: [object.metadata.name, object.metadata.creationTimestamp],
      ...(options.include === "None" ? {} : { object: partOf(object, options.include) }),
    })),
  };
}

function partOf(object: StoredObject, include: string): object {
  if (include === "Object") return object;
  return {
    kind: "PartialObjectMetadata",
    apiVersion: "meta.k8s.io/v1",
    metadata: object.metadata,
  };
}
