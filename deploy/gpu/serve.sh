#!/usr/bin/env bash
# Starts vLLM with the flags of the model's family. Further flags may follow as arguments; README.md here names each flag's
# source.
set -euo pipefail

flags=(
  --served-model-name "$MODEL"           # what the client asks for, and by which it knows the family
  --limit-mm-per-prompt '{"image": 1}'   # one page a request
  --mm-processor-cache-gb 0              # every page is new
  --no-enable-prefix-caching
  --max-num-seqs "${MAX_NUM_SEQS:-32}"   # Cloud Run's concurrency: what is more would queue here without an end
  --shutdown-timeout 8                   # Cloud Run kills 10 s after SIGTERM: pages that end in 8 s are answered, none is cut off at once
)
case $MODEL in
  */LightOnOCR-3-1B* | */LightOnOCR-2-1B*) flags+=(--max-model-len 16384) ;;
  */LightOnOCR-3-0.8B* | */LightOnOCR-3-4B*)
    flags+=(--max-model-len 18000 --default-chat-template-kwargs '{"enable_thinking": false}')
    ;;
  */LightOnOCR-1B-1025* | */LightOnOCR-0.9B-*) ;;
  *)
    echo "MODEL='$MODEL' is none of the LightOnOCR family; its flags are not known" >&2
    exit 2
    ;;
esac
# shellcheck source=/dev/null # checked on its own
. "$(dirname "${BASH_SOURCE[0]}")/driver.sh"
exec vllm serve /model "${flags[@]}" "$@"
