#!/bin/sh
# Run by gogomarket-sidecar.service ahead of the sidecar, in the folder of the release: says what is missing, or what is
# wrong with the settings, so that `systemctl start` itself fails and the journal has the reason.
node=node_modules/.bin/node
if ! "$node" --version >/dev/null 2>&1; then
  echo "No Node runs at $PWD/$node. As root in this folder: npm ci --omit=dev --ignore-scripts=false &&" \
    "chmod -R a+rX . && systemctl restart gogomarket-sidecar.socket gogomarket-sidecar.service" >&2
  # Not a failure here, which systemd would try again for ever: the sidecar itself then ends with 127 or 126, and for
  # those the unit stays down (RestartPreventExitStatus= counts for the main process only).
  exit 0
fi
exec "$node" src/main.ts --check-config
