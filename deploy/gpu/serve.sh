#!/usr/bin/env bash
# Starts vLLM with the flags for the model's family. Arguments are added as further flags; README.md here gives each
# flag's source.
set -euo pipefail

flags=(
  --served-model-name "$MODEL"           # the name that the client asks for, and from which it derives the family
  --limit-mm-per-prompt '{"image": 1}'   # one page per request
  --mm-processor-cache-gb 0              # pages do not recur
  --no-enable-prefix-caching
  --max-num-seqs "${MAX_NUM_SEQS:-32}"   # Cloud Run's concurrency: more requests would queue here without limit
  --shutdown-timeout 8                   # Cloud Run kills 10 s after SIGTERM: pages that finish within 8 s are answered
)
case $MODEL in
  */LightOnOCR-3-1B* | */LightOnOCR-2-1B*) flags+=(--max-model-len 16384) ;;
  */LightOnOCR-3-0.8B* | */LightOnOCR-3-4B*)
    flags+=(--max-model-len 18000 --default-chat-template-kwargs '{"enable_thinking": false}')
    ;;
  */LightOnOCR-1B-1025* | */LightOnOCR-0.9B-*) ;;
  *)
    echo "MODEL='$MODEL' does not belong to the LightOnOCR family; its flags are not known" >&2
    exit 2
    ;;
esac
# shellcheck source=/dev/null # checked separately
. "$(dirname "${BASH_SOURCE[0]}")/driver.sh"
exec vllm serve /model "${flags[@]}" "$@"
