# For jobs that run two programs against each other, to be sourced; $work is a
# folder of the job's.

# The device, and its GID index, that have the IPv4 address $1; of RoCE v1 and
# v2, which share it, the latter comes second.
gid_of() {
  local numbers suffix file
  IFS=. read -ra numbers <<<"$1"
  suffix=$(printf ':ffff:%02x%02x:%02x%02x' "${numbers[@]}")
  file=$(grep -l "$suffix\$" /sys/class/infiniband/*/ports/1/gids/* | tail -n 1)
  echo "$(cut -d / -f 5 <<<"$file") $(basename "$file")"
}

# Has what pair() started begun to listen: for rdma_cm, or on perftest's port?
listens() {
  rdma resource show cm_id | grep -q 'state LISTEN' ||
    grep -q ':4853 [0:]* 0A ' /proc/net/tcp /proc/net/tcp6
}

# pair SERVER... -- CLIENT...: both must end well.
pair() {
  local server=() server_pid deadline=$((SECONDS + 20))
  while [ "$1" != -- ]; do server+=("$1"); shift; done
  shift
  timeout 60 "${server[@]}" >"$work/server" 2>&1 &
  server_pid=$!
  until listens || [ "$SECONDS" -gt "$deadline" ]; do sleep 0.1; done
  if ! timeout 60 "$@" || ! wait "$server_pid"; then
    kill "$server_pid" 2>/dev/null || true
    cat "$work/server"
    return 1
  fi
}
