#!/bin/sh
# A plain script, for cron or any other system: it starts itself again with its secrets, and whatever it prints from then on is
# redacted, by `set -x` too.
set -eu

if [ "${1-}" != --with-secrets ]; then
    exec s1crets run --redact --env-file "$(dirname "$0")/deploy.env" -- "$0" --with-secrets "$@"
fi
shift

set -x
./migrate
./deploy
echo "deployed with $API_TOKEN"
