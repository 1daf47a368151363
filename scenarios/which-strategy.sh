#!/usr/bin/env bash
# Question: which ECS placement strategy? Three workloads, every strategy on the same work.
#
# Usage: scenarios/which-strategy.sh OPENB_FOLDER [STOWPLAN]
# OPENB_FOLDER holds openb_node_list_gpu_node.csv and openb_pod_list_default.csv of Alibaba's
# cluster-trace-gpu-v2023. Writes results/which-strategy.md; see there for what came out.
set -euo pipefail
data=${1:?folder of the openb lists}
stowplan=${2:-target/release/stowplan}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

strategies=(--strategy binpack:cpu --strategy binpack:memory --strategy spread:instanceId
            --strategy spread:attribute:ecs.availability-zone+binpack:memory --strategy random)

# Runs a command and shows it as a reader would type it, with what it prints.
show() {
  printf '```console\n$ stowplan'
  for word in "$@"; do
    case $word in
      *[!A-Za-z0-9:._/,=+-]*) printf " '%s'" "$word" ;;
      *) printf ' %s' "$word" ;;
    esac
  done | sed "s#$data/##g; s#$out/##g; s# --out [^ ]*##"
  printf '\n'
  # The folder of the results is a temporary one here.
  "$stowplan" "$@" | sed "\#^results in #d; s#$data/##g; s#$out/##g" | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}'
  printf '```\n'
}

"$stowplan" import openb --nodes "$data/openb_node_list_gpu_node.csv" \
  --pods "$data/openb_pod_list_default.csv" --out "$out/openb" --gzip >/dev/null

{
  cat <<'TEXT'
# Which ECS strategy?

Written by `scenarios/which-strategy.sh`: three workloads, five strategies, every strategy on the very same work. The
sentences are the tool's.

## A web service with a daily cycle

[`scenarios/study-web.yaml`](../scenarios/study-web.yaml): a service with twelve tasks by night and thirty by day, short
tasks by the hour, and reports that need three vCPUs on one instance.

TEXT
  show compare scenarios/study-web.yaml "${strategies[@]}" --replications 40 \
    --metric instances.used --metric wait.mean --metric stranded.cpu --metric 'clusters[default].resources[CPU].imbalanceZones' --out "$out/web"
  cat <<'TEXT'

## Pipelines in the manner of nf-core

[`scenarios/study-pipelines.yaml`](../scenarios/study-pipelines.yaml): bursts of short steps, alignments that want most of
an instance, steps with much memory, on eight instances of two shapes.

TEXT
  show compare scenarios/study-pipelines.yaml "${strategies[@]}" --replications 100 \
    --metric wait.mean --metric wait.p95 --metric instances.used --metric makespan --out "$out/pipelines"
  cat <<'TEXT'

## The openb trace, replayed

8,152 pods of Alibaba's GPU cluster (Weng et al., USENIX ATC 2023) at the times they were recorded, on 15 of its 1,213 nodes
(`stowplan import openb`). The trace leaves nothing to chance, so each strategy but `random` needs one run; what a reader
should doubt is whether ties and the very moments of arrival decided.

TEXT
  show compare "$out/openb/replay.yaml" "${strategies[@]}" --replications 5 \
    --metric wait.mean --metric wait.p95 --metric utilization.gpu --metric stranded.gpu --out "$out/replay"
} > results/which-strategy.md
