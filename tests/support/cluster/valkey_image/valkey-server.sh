#!/bin/sh
# The official image is compiled with protected-mode off, Debian's package with it on.
case "$1" in
  -v|--version|-h|--help|--test-memory|--check-system) exec /usr/bin/valkey-server "$@" ;;
  --*|"") exec /usr/bin/valkey-server --protected-mode no "$@" ;;
esac
configuration="$1"
shift
exec /usr/bin/valkey-server "$configuration" --protected-mode no "$@"
