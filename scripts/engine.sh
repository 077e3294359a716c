#!/bin/sh
# Find an engine that speaks the Docker API; where none answers, install and start one if this machine lets us.
set -eu

answers() {
    case "${DOCKER_HOST:-unix:///var/run/docker.sock}" in
        unix://*) socket_answers "${DOCKER_HOST:-unix:///var/run/docker.sock}" ;;
        *) docker version >/dev/null 2>&1 ;;
    esac
}

socket_answers() {
    [ -S "${1#unix://}" ] && python3 - "${1#unix://}" <<'PY' 2>/dev/null
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(5)
s.connect(sys.argv[1])
s.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
raise SystemExit(0 if b"200 OK" in s.recv(100) else 1)
PY
}

wait_for_it() { # while the process $1, where one is given, lives
    for _ in $(seq 60); do
        if answers; then return 0; fi
        if [ -n "${1:-}" ] && ! kill -0 "$1" 2>/dev/null; then return 1; fi
        sleep 1
    done
    return 1
}

start() {
    setsid dockerd "$@" >>/var/log/dockerd.log 2>&1 9>&- </dev/null &
    wait_for_it $!
}

if answers; then exit 0; fi

if [ -n "${DOCKER_HOST:-}" ]; then
    echo "make engine: nothing answers at DOCKER_HOST=$DOCKER_HOST; start it, or unset DOCKER_HOST" >&2
    exit 3
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "make engine: no Docker engine answers, and this is not Debian or Ubuntu with root." >&2
    echo "  Install and start Docker (or Podman's Docker-compatible socket, with DOCKER_HOST set to it), then try again." >&2
    exit 3
fi

exec 9>/run/exogate-engine.lock
flock 9
if answers; then exit 0; fi
if ! command -v dockerd >/dev/null; then
    echo "make engine: installing docker.io"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq docker.io mmdebstrap debian-archive-keyring >/dev/null
fi
if [ -d /run/systemd/system ]; then
    systemctl start docker || true
    if wait_for_it; then exit 0; fi
fi
pid=$(cat /var/run/docker.pid 2>/dev/null || true)
if [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null && wait_for_it "$pid"; then exit 0; fi # another caller's, still starting
echo "make engine: starting dockerd (log in /var/log/dockerd.log)"
if start; then exit 0; fi
if start --bridge=none --iptables=false; then exit 0; fi # no bridge to be had here: boxes need none
echo "make engine: dockerd does not answer; see /var/log/dockerd.log" >&2
exit 3
