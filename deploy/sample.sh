# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared by the files of deploy/
# The sample that smoke tests and cloudbuild.yaml have read.

SAMPLE=examples/samples/patent-2004.png

# fresh_sample sets FRESH to a copy of the sample with bytes that were never uploaded: with REUSE=same-bytes, those of an
# earlier run would get that run's text, and no page would be read. Decoders ignore what follows the end of a PNG.
fresh_sample() {
  FRESH=$SAMPLE
  [ -z "$DRY_RUN" ] || return 0
  FRESH=$WORK/${SAMPLE##*/}
  { cat "$SAMPLE" && head -c 16 /dev/urandom; } >"$FRESH"
}
