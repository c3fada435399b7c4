# Runs one PostgreSQL server for a test process, as the user the server may run as, and outlives neither: when the
# pipe on standard input closes (the test process ended, for whatever reason), the server is killed and its folder
# removed. Orders, one a line: `start PORT`, or the signal that stops the server (`INT` is fast, `QUIT` immediate).
#
# usage: sh watcher.sh FOLDER SERVER_COMMAND...
folder=$1
shift

signal() {
    kill -s "$1" "$(head -n 1 "$folder/data/postmaster.pid")" 2>/dev/null
}

while read -r order port; do
    if [ "$order" = start ]; then
        echo up >"$folder/state"
        (
            "$@" -p "$port" >>"$folder/log" 2>&1 </dev/null
            echo down >"$folder/state"
        ) &
    else
        signal "$order"
    fi
done

# In a loop, since the server writes its pid only a moment after it was started.
while [ "$(cat "$folder/state" 2>/dev/null)" = up ]; do
    signal QUIT
    sleep 0.05
done
wait
rm -rf "$folder"
