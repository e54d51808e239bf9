#!/bin/sh
# As the official image does: options alone mean valkey-server, and root becomes user 999.
set -e
case "$1" in
  -*|*.conf) set -- valkey-server "$@" ;;
esac
if [ "$1" = valkey-server ] && [ "$(id -u)" = 0 ]; then
  chown -R 999:999 .
  exec setpriv --reuid=999 --regid=999 --clear-groups -- "$@"
fi
exec "$@"
