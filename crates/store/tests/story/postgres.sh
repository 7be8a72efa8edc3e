#!/usr/bin/env bash
# A PostgreSQL for the tests of one build, in the folder that is given. It watches the file "in-use" there, which each test
# process keeps locked, and ends the server when nobody does.
set -euo pipefail
folder=$1

fail() { echo "postern-tests: $*" >&2; exit 1; }

bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
[[ -n $bin ]] || bin=$(dirname "$(command -v postgres || true)")
[[ -x $bin/initdb ]] || fail "there is no PostgreSQL here; tools/setup brings it"

# PostgreSQL refuses to run as root.
as_user=()
if ((EUID == 0)); then
    id postgres >/dev/null 2>&1 || fail "there is no user postgres to run the server as"
    as_user=(setpriv --reuid=postgres --regid=postgres --clear-groups env "HOME=$folder")
fi

rm -rf "$folder/run" "$folder/data"
mkdir -m 0755 "$folder/run"
if ((EUID == 0)); then chown postgres "$folder/run"; fi
cd "$folder/run"
"${as_user[@]}" "$bin/initdb" --pgdata "$folder/run/data" --username postern --auth trust --no-sync --encoding UTF8 \
    --locale C.UTF-8 >/dev/null || fail "initdb failed"
# It keeps nothing, so it need not flush.
"${as_user[@]}" "$bin/postgres" -D "$folder/run/data" -k "$folder/run" -c listen_addresses= -c fsync=off \
    -c full_page_writes=off -c max_connections=400 -c shared_buffers=64MB -c autovacuum=off &
server=$!
until "$bin/pg_isready" --quiet --host "$folder/run"; do
    kill -0 "$server" 2>/dev/null || fail "the server ended at once"
    sleep 0.1
done
touch "$folder/run/ready"

# Three looks in a row: between two tests there may be a moment without any.
free=0
while ((free < 3)); do
    sleep 1
    kill -0 "$server" 2>/dev/null || break
    if flock --exclusive --nonblock "$folder/in-use" true; then free=$((free + 1)); else free=0; fi
done
kill -INT "$server" 2>/dev/null || true
wait "$server" || true
rm -rf "$folder/run"
