#!/bin/sh
# Secrets in a plain script, for cron or any CI system. It restarts itself with its secrets, and
# everything it prints from there on is redacted, also what `set -x` prints. It needs s1crets on the
# PATH, and logins for AWS and Vault.
set -eu

if [ "${1-}" != --with-secrets ]; then
    exec s1crets run --redact --env-file "$(dirname "$0")/deploy.env" -- "$0" --with-secrets "$@"
fi
shift

set -x
./migrate
./deploy
echo "deployed with $API_TOKEN"
